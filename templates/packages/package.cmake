# The packages that `./dev package` makes: a .deb for Debian 12 and an .rpm for Amazon Linux 2023,
# both of the binary that was built and tested. Components: `common` for both, `deb`, `rpm`.
set(PACKAGING ${CMAKE_SOURCE_DIR}/templates/packages)
set(STAGE ${CMAKE_BINARY_DIR}/package)
set(DNSCACHECTL /usr/bin/dnscachectl)
foreach(UNIT dnscachectl.service dnscachectl.socket dnscachectl-source.service
        dnscachectl-setup.service)
  configure_file(templates/${UNIT} ${STAGE}/units/${UNIT} @ONLY)
  list(APPEND UNITS ${STAGE}/units/${UNIT})
endforeach()

# Amazon Linux 2023 has none of these libraries: those that are not linked statically come along in a
# folder of our own, where the program finds them by its DT_RPATH (of the older kind, which holds for
# their own needs as well).
add_executable(dnscachectl_bundled EXCLUDE_FROM_ALL cli/main.cpp)
target_link_libraries(dnscachectl_bundled PRIVATE cli)
target_link_options(dnscachectl_bundled PRIVATE -Wl,--disable-new-dtags)
set_target_properties(dnscachectl_bundled PROPERTIES OUTPUT_NAME dnscachectl-bundled
  SKIP_BUILD_RPATH OFF BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH /usr/lib/dnscachectl)
set(BUNDLED yaml-cpp spdlog fmt sdbus-c++)
if(FETCHED)
  list(REMOVE_ITEM BUNDLED ${FETCHED})
endif()
foreach(LIBRARY ${BUNDLED})
  find_library(BUNDLED_${LIBRARY} ${LIBRARY})
  list(APPEND BUNDLED_FILES ${BUNDLED_${LIBRARY}})
endforeach()
# The licences of what was built from sources, as stage.sh takes those of Debian's packages.
foreach(LIBRARY ${FETCHED})
  file(GLOB LICENCES ${${LIBRARY}_SOURCE}/LICENSE* ${${LIBRARY}_SOURCE}/COPYING
       ${${LIBRARY}_SOURCE}/share/doc/*/copyright)
  if(LICENCES AND NOT LIBRARY MATCHES "^(Catch2|unbound)$")  # no code of those is in the program
    list(GET LICENCES 0 LICENCE)
    configure_file(${LICENCE} ${STAGE}/rpm/licenses/${LIBRARY}.copyright COPYONLY)
  endif()
endforeach()
configure_file(${PACKAGING}/sysusers.conf ${STAGE}/sysusers/dnscachectl.conf COPYONLY)
add_custom_target(package_files
  COMMAND ${CMAKE_COMMAND} -E env sh ${PACKAGING}/stage.sh ${CMAKE_SOURCE_DIR} ${STAGE}
          ${PROJECT_VERSION} $<TARGET_FILE:dnscachectl> $<TARGET_FILE:dnscachectl_bundled>
          ${BUNDLED_FILES}
  DEPENDS dnscachectl dnscachectl_bundled VERBATIM)

function(package_files component destination)
  install(FILES ${ARGN} DESTINATION ${destination} COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()
package_files(common usr/share/man/man1 ${STAGE}/dnscachectl.1.gz)
package_files(common usr/share/man/man5 ${STAGE}/dnscachectl.yaml.5.gz)
# An example only: what 'setup' writes must not be a conffile (Debian Policy section 10.7.3).
package_files(common usr/share/doc/dnscachectl/examples ${PACKAGING}/config.yaml)
package_files(common usr/lib/sysusers.d ${STAGE}/sysusers/dnscachectl.conf)
package_files(common usr/share/dnscachectl/schemas ${SCHEMAS})
package_files(common usr/share/bash-completion/completions ${STAGE}/completions/dnscachectl)
package_files(common usr/share/fish/vendor_completions.d completions/dnscachectl.fish)
install(PROGRAMS ${STAGE}/deb/dnscachectl DESTINATION usr/bin COMPONENT deb EXCLUDE_FROM_ALL)
package_files(deb lib/systemd/system ${UNITS})
package_files(deb usr/share/zsh/vendor-completions completions/_dnscachectl)
package_files(deb usr/share/doc/dnscachectl ${STAGE}/debian/copyright ${STAGE}/debian/changelog.gz)
install(PROGRAMS ${STAGE}/rpm/dnscachectl DESTINATION usr/bin COMPONENT rpm EXCLUDE_FROM_ALL)
if(BUNDLED)
  install(DIRECTORY ${STAGE}/rpm/lib/ DESTINATION usr/lib/dnscachectl COMPONENT rpm EXCLUDE_FROM_ALL
          FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endif()
package_files(rpm usr/lib/systemd/system ${UNITS})
package_files(rpm usr/share/zsh/site-functions completions/_dnscachectl)
package_files(rpm usr/share/doc/dnscachectl CHANGELOG.md README.md SECURITY.md)
install(DIRECTORY ${STAGE}/rpm/licenses/ DESTINATION usr/share/licenses/dnscachectl COMPONENT rpm
        EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_NAME dnscachectl)
set(CPACK_PACKAGE_VENDOR "The dnscachectl authors")
set(CPACK_PACKAGE_CONTACT "The dnscachectl authors <dnscachectl@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "caching DNS resolver for this machine")
set(CPACK_PACKAGE_DESCRIPTION
"A DNS cache for servers, installed, checked and removed by one command. It
answers from memory in microseconds, never waits twice for a dead server,
goes on answering while all servers are down, and stays under the packet
quota of EC2. Installing the package changes no DNS setting;
'dnscachectl setup' does.")
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_GENERATOR RPM)
if(NOT FETCHED)
  list(PREPEND CPACK_GENERATOR DEB)  # which needs the libraries of Debian's packages
endif()
set(CPACK_OUTPUT_FILE_PREFIX ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PROJECT_CONFIG_FILE ${PACKAGING}/generator.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "systemd, libunbound8")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PACKAGING}/debian/postinst ${PACKAGING}/debian/prerm
    ${PACKAGING}/debian/postrm)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_SUMMARY "Caching DNS resolver for this machine")
set(CPACK_RPM_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_LICENSE "Apache-2.0 AND BSD-3-Clause AND BSL-1.0 AND LGPL-2.1-or-later AND MIT")
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Daemons")
set(CPACK_RPM_PACKAGE_URL "https://github.com/dnscachectl/dnscachectl")
# By hand, because the libraries that come along must not be offered to other packages.
set(CPACK_RPM_PACKAGE_AUTOREQPROV "no")
set(CPACK_RPM_PACKAGE_REQUIRES
    "glibc >= 2.34, libstdc++ >= 11, libgcc >= 11, openssl-libs >= 3.0, systemd-libs >= 252")
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${PACKAGING}/rpm/post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${PACKAGING}/rpm/preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${PACKAGING}/rpm/postun)
set(CPACK_RPM_CHANGELOG_FILE ${STAGE}/rpm/changelog)
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d
    /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/fish
    /usr/share/fish/vendor_completions.d /usr/share/zsh /usr/share/zsh/site-functions
    /usr/share/licenses /usr/share/man /usr/share/man/man1 /usr/share/man/man5)
# Stripped already; without debug packages of our own. CPack has no variable for Recommends: it is
# what dnssec.mode: validate loads.
set(CPACK_RPM_SPEC_MORE_DEFINE "%global debug_package %{nil}\n%global __os_install_post %{nil}\n%global _build_id_links none\n%global packager ${CPACK_PACKAGE_CONTACT}\nRecommends: unbound-libs")
include(CPack)
