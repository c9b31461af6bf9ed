# Read by CPack for each kind of package: which components are in it.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(component deb)
else()
  set(component rpm)
endif()
list(GET CPACK_INSTALL_CMAKE_PROJECTS 0 build)
list(GET CPACK_INSTALL_CMAKE_PROJECTS 1 project)
set(CPACK_INSTALL_CMAKE_PROJECTS "${build};${project};common;/;${build};${project};${component};/")
