/* Whether a configuration can be worked with: each field within the range its comment in include/handfast/config.h says. */
#ifndef HF_ENGINE_CONFIG_H
#define HF_ENGINE_CONFIG_H

#include "../../include/handfast/config.h"

bool hf_config_is_acceptable(const struct hf_config *config);

#endif
