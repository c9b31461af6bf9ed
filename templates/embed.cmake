# The library `templates`: each file of templates/ as a std::string_view of its own, declared in the
# generated "templates/templates.hpp" ("resolved.conf" is dnscache::templates::resolved_conf).
file(GLOB TEMPLATE_FILES CONFIGURE_DEPENDS
     templates/*.conf templates/*.service templates/*.socket templates/*.path templates/*.yaml
     templates/*.html templates/print/*)
set(TEMPLATES_DIR ${CMAKE_BINARY_DIR}/generated/templates)
set(TEMPLATES_HPP "#pragma once\n\n#include <string_view>\n\nnamespace dnscache::templates {\n\n")
set(TEMPLATES_CPP "#include \"templates/templates.hpp\"\n\nnamespace dnscache::templates {\n\n")
foreach(PATH ${TEMPLATE_FILES})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PATH})
  get_filename_component(FILE_NAME ${PATH} NAME)
  if(PATH MATCHES "/print/")  # those of `dnscachectl template`
    string(PREPEND FILE_NAME "print_")
  endif()
  string(MAKE_C_IDENTIFIER ${FILE_NAME} IDENTIFIER)
  file(READ ${PATH} TEXT)
  string(APPEND TEMPLATES_HPP "extern const std::string_view ${IDENTIFIER};\n")
  string(APPEND TEMPLATES_CPP "const std::string_view ${IDENTIFIER} = R\"TEMPLATE(${TEXT})TEMPLATE\";\n\n")
endforeach()
string(APPEND TEMPLATES_HPP "\n}  // namespace dnscache::templates\n")
string(APPEND TEMPLATES_CPP "}  // namespace dnscache::templates\n")

# Written only when they differ, so that configuring again does not compile them again.
file(WRITE ${TEMPLATES_DIR}/templates.hpp.new "${TEMPLATES_HPP}")
file(WRITE ${TEMPLATES_DIR}/templates.cpp.new "${TEMPLATES_CPP}")
configure_file(${TEMPLATES_DIR}/templates.hpp.new ${TEMPLATES_DIR}/templates.hpp COPYONLY)
configure_file(${TEMPLATES_DIR}/templates.cpp.new ${TEMPLATES_DIR}/templates.cpp COPYONLY)
add_library(templates STATIC ${TEMPLATES_DIR}/templates.cpp)
target_include_directories(templates PUBLIC ${CMAKE_BINARY_DIR}/generated)
