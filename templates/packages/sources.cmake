# Libraries built from pinned sources, for systems that do not have them (DNSCACHE_FETCH). Each has
# the targets that its CMake package would give, linked statically; FETCHED lists their packages.
set(DNSCACHE_FETCH OFF CACHE STRING
    "Build libraries from pinned sources: ON for all, or a list such as \"fmt;spdlog\" for some")

# CMake package, path in an archive of Debian, SHA-256 from Debian's signed index.
set(PINNED
  "asio pool/main/a/asio/libasio-dev_1.22.1-1_all.deb d55e7b0773dcd4385b366b888415908902a2b3483dcb1bb193d6565b38c03af0"
  "Catch2 pool/main/c/catch2/catch2_2.13.10.orig.tar.gz 2f4fe284449cf17394350e027ae21958973a61b9161197d416e2dfca16167686"
  "CLI11 pool/main/c/cli11/cli11_2.1.2+ds.orig.tar.xz 8143d20b688e98ccce8e24562d3b68e5f47c12e896c42c7ca8553dbde5bed55d"
  "fmt pool/main/f/fmtlib/fmtlib_9.1.0+ds1.orig.tar.gz 84ce1c2d0be3a9863935137969dcec6970125caac032f82474640bfc81463583"
  "nlohmann_json pool/main/n/nlohmann-json3/nlohmann-json3_3.11.2.orig.tar.gz d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273"
  "sdbus-c++ pool/main/s/sdbus-cpp/sdbus-cpp_1.2.0.orig.tar.gz 7f7231904abb6a996b8c18ddc5fb50078ef5dff5191649abf9f127aff41d24e9"
  "spdlog pool/main/s/spdlog/spdlog_1.10.0+ds.orig.tar.xz 620ca6842b5c21014470bd42eb4716024674214fb973b5ffa3aaea33310ad327"
  "unbound pool/main/u/unbound/unbound_1.17.1.orig.tar.gz ee4085cecce12584e600f3d814a28fa822dfaacec1f94c84bfd67f8a5571a5f4"
  "yaml-cpp pool/main/y/yaml-cpp/yaml-cpp_0.7.0+dfsg.orig.tar.xz dc63708605404e0b963e0ca3a9619d1c8270eda2839603e6fa0384e5e51e5312"
)

set(FETCHED "")
if(DNSCACHE_FETCH)
  include(${CMAKE_CURRENT_LIST_DIR}/fetch.cmake)
endif()
if("fmt" IN_LIST DNSCACHE_FETCH OR "spdlog" IN_LIST DNSCACHE_FETCH)
  list(APPEND DNSCACHE_FETCH fmt spdlog)  # the one uses the other's types
endif()
foreach(ROW IN LISTS PINNED)
  separate_arguments(ROW)
  list(POP_FRONT ROW NAME)
  list(APPEND PINNED_NAMES ${NAME})
  if(NAME IN_LIST DNSCACHE_FETCH OR DNSCACHE_FETCH STREQUAL "ON")
    fetch_source(${NAME} ${ROW})
    list(APPEND FETCHED ${NAME})
  endif()
endforeach()
if(DNSCACHE_FETCH AND NOT FETCHED)
  list(JOIN PINNED_NAMES ", " PINNED_NAMES)
  message(FATAL_ERROR "DNSCACHE_FETCH is ON, OFF or some of ${PINNED_NAMES}, not '${DNSCACHE_FETCH}'")
endif()

# Headers that newer compilers' own headers no longer include for these libraries.
set(FORGOTTEN_HEADERS $<$<COMPILE_LANGUAGE:CXX>:--include=cstdint>
    $<$<COMPILE_LANGUAGE:CXX>:--include=algorithm>)

function(add_fetched_headers target folder)
  string(MAKE_C_IDENTIFIER ${target}_headers library)
  add_library(${library} INTERFACE)
  target_include_directories(${library} SYSTEM INTERFACE ${folder})
  target_compile_options(${library} INTERFACE ${FORGOTTEN_HEADERS})
  add_library(${target} ALIAS ${library})
endfunction()

function(add_fetched_library library target include)
  add_library(${library} STATIC EXCLUDE_FROM_ALL ${ARGN})
  target_include_directories(${library} SYSTEM PUBLIC ${include})
  target_compile_options(${library} PRIVATE -w ${FORGOTTEN_HEADERS})
  if(NOT TARGET ${target})
    add_library(${target} ALIAS ${library})
  endif()
endfunction()

if("asio" IN_LIST FETCHED)
  add_fetched_headers(asio::asio ${asio_SOURCE}/include)
endif()
if("Catch2" IN_LIST FETCHED)
  add_fetched_headers(Catch2::Catch2 ${Catch2_SOURCE}/single_include)
  list(APPEND CMAKE_MODULE_PATH ${Catch2_SOURCE}/contrib)
endif()
if("CLI11" IN_LIST FETCHED)
  add_fetched_headers(CLI11::CLI11 ${CLI11_SOURCE}/include)
endif()
if("nlohmann_json" IN_LIST FETCHED)
  add_fetched_headers(nlohmann_json::nlohmann_json ${nlohmann_json_SOURCE}/single_include)
endif()
if("fmt" IN_LIST FETCHED)
  add_fetched_library(fmt fmt::fmt ${fmt_SOURCE}/include ${fmt_SOURCE}/src/format.cc ${fmt_SOURCE}/src/os.cc)
endif()
if("spdlog" IN_LIST FETCHED)
  file(GLOB SPDLOG_SOURCES ${spdlog_SOURCE}/src/*.cpp)
  add_fetched_library(spdlog spdlog::spdlog ${spdlog_SOURCE}/include ${SPDLOG_SOURCES})
  target_compile_definitions(spdlog PUBLIC SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
  target_link_libraries(spdlog PUBLIC fmt::fmt Threads::Threads)
endif()
if("yaml-cpp" IN_LIST FETCHED)
  file(GLOB YAML_CPP_SOURCES ${yaml-cpp_SOURCE}/src/*.cpp)
  add_fetched_library(yaml-cpp yaml-cpp ${yaml-cpp_SOURCE}/include ${YAML_CPP_SOURCES})
  target_compile_definitions(yaml-cpp PRIVATE YAML_CPP_NO_CONTRIB)
endif()
if("unbound" IN_LIST FETCHED)  # its headers only: the library is loaded when it is wanted
  string(REGEX MATCH "([0-9]+)\\.([0-9]+)\\.([0-9]+)$" UNBOUND_VERSION ${unbound_SOURCE})
  set(UNBOUND_VERSION_MAJOR ${CMAKE_MATCH_1})
  set(UNBOUND_VERSION_MINOR ${CMAKE_MATCH_2})
  set(UNBOUND_VERSION_MICRO ${CMAKE_MATCH_3})
  foreach(HEADER unbound.h unbound-event.h)
    configure_file(${unbound_SOURCE}/libunbound/${HEADER} ${CMAKE_BINARY_DIR}/sources/unbound-include/${HEADER} @ONLY)
  endforeach()
  set(UNBOUND_INCLUDE ${CMAKE_BINARY_DIR}/sources/unbound-include)
endif()

# By its own CMakeLists.txt, which asks libsystemd for its version; with sdbus-c++-xml2cpp.
function(add_sdbus)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # its options are the variables set here
  set(BUILD_SHARED_LIBS OFF)
  set(BUILD_CODE_GEN ON)
  set(BUILD_DOC OFF)
  set(BUILD_TESTS OFF)
  add_compile_options(-w ${FORGOTTEN_HEADERS})
  add_subdirectory(${sdbus-c++_SOURCE} ${CMAKE_BINARY_DIR}/sources/sdbus-c++-build EXCLUDE_FROM_ALL)
  if(NOT TARGET SDBusCpp::sdbus-c++)
    add_library(SDBusCpp::sdbus-c++ ALIAS sdbus-c++)
  endif()
endfunction()
if("sdbus-c++" IN_LIST FETCHED)
  add_sdbus()
  set(SDBUS_XML2CPP sdbus-c++-xml2cpp)
endif()
