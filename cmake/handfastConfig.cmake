# find_package(handfast) gives handfast::handfast (the engine, static), handfast::shared (the same, shared) and
# handfast::drivers (devices and the pump, for Linux; brings handfast::handfast and libpcap).
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
pkg_check_modules(libpcap REQUIRED QUIET IMPORTED_TARGET libpcap)
include(${CMAKE_CURRENT_LIST_DIR}/handfastTargets.cmake)
