# What `make install` puts where. The package files find the rest from where they stand, so that an installation may be
# moved, or packed with DESTDIR.
include(CMakePackageConfigHelpers)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/handfast)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set_target_properties(handfast_drivers PROPERTIES EXPORT_NAME drivers)
install(TARGETS handfast handfast_shared handfast_drivers EXPORT handfast)
install(EXPORT handfast NAMESPACE handfast:: FILE handfastTargets.cmake DESTINATION ${cmake_dir})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/handfast DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(TARGETS handfast_program)
install(TARGETS handfast_packetdrill LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/handfast)
file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.1)
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

write_basic_package_version_file(${CMAKE_BINARY_DIR}/handfastConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_SOURCE_DIR}/cmake/handfastConfig.cmake ${CMAKE_BINARY_DIR}/handfastConfigVersion.cmake
        DESTINATION ${cmake_dir})

file(RELATIVE_PATH up /${pkgconfig_dir} /)
foreach(package handfast handfast-drivers)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/${package}.pc.in ${CMAKE_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${package}.pc DESTINATION ${pkgconfig_dir})
endforeach()
