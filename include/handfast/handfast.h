/* Everything: the engine (engine.h, config.h, tcp.h), what it tells (observe.h, errors.h), and drivers (driver.h). */
#ifndef HANDFAST_H
#define HANDFAST_H

#include "config.h"
#include "driver.h"
#include "engine.h"
#include "errors.h"
#include "observe.h"
#include "tcp.h"
#include "types.h"

#endif
