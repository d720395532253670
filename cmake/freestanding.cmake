# Compiles the engine for a machine with nothing on it: clang for any target, no libc headers but the one below.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER clang-14)
set(CMAKE_AR llvm-ar-14)
set(CMAKE_RANLIB llvm-ranlib-14)
set(HANDFAST_TARGET i386-none-elf CACHE STRING "The machine, as clang names it")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HANDFAST_TARGET)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER_TARGET ${HANDFAST_TARGET})
# freestanding/string.h declares the four functions that the machine has to bring; the compiler brings the other headers.
set(CMAKE_C_FLAGS_INIT "-nostdlibinc -isystem ${CMAKE_CURRENT_LIST_DIR}/freestanding")
