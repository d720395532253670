# Compiles for another machine, whose libraries tools/sysroot has put into build/sysroot/MACHINE, and runs what was built
# under qemu's user emulation.
set(HANDFAST_MACHINE s390x CACHE STRING "The machine, as Debian names it")
set(HANDFAST_COMPILER ${HANDFAST_MACHINE} CACHE STRING "... and as its compiler does")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HANDFAST_MACHINE HANDFAST_COMPILER)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot/${HANDFAST_MACHINE} ABSOLUTE)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${HANDFAST_COMPILER})
set(CMAKE_C_COMPILER ${HANDFAST_COMPILER}-linux-gnu-gcc)
set(CMAKE_SYSROOT ${root})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${HANDFAST_MACHINE}-static;-L;${root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${root})
set(ENV{PKG_CONFIG_LIBDIR} ${root}/usr/lib/${HANDFAST_MACHINE}-linux-gnu/pkgconfig:${root}/usr/share/pkgconfig)
