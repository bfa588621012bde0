# SPDX-License-Identifier: Apache-2.0
# How every target of Bailiff is built: one set of flags, one precompiled header, three functions.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Everything is a program, nothing a shared library: -fPIE for all, so that one precompiled header fits all.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# assert() stays on in every build: it guards against our own bugs, and those are not rarer in production.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The sloppiness lets ccache cache units that use the precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

add_library(bailiff_flags INTERFACE)
target_compile_options(bailiff_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Werror
  -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection)
target_compile_definitions(bailiff_flags INTERFACE
  JSON_USE_IMPLICIT_CONVERSIONS=0 JSON_DISABLE_ENUM_SERIALIZATION=1 BAILIFF_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT BAILIFF_SANITIZE)
  target_compile_options(bailiff_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(bailiff_flags INTERFACE -fpch-preprocess)
  # GCC 12 warns of libstdc++'s own std::string moves at -O2 (GCC bug 105329).
  target_compile_options(bailiff_flags INTERFACE -Wno-restrict)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(bailiff_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
target_link_options(bailiff_flags INTERFACE -pie -Wl,-z,relro,-z,now)
if(BAILIFF_SANITIZE)
  target_compile_options(bailiff_flags INTERFACE -fsanitize=${BAILIFF_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(bailiff_flags INTERFACE -fsanitize=${BAILIFF_SANITIZE})
  if(BAILIFF_SANITIZE MATCHES "undefined")
    # It asks the kernel whether an object can be read, by calls that bailiff-scan's reader has given up.
    target_compile_options(bailiff_flags INTERFACE -fno-sanitize=vptr)
  endif()
  if(BAILIFF_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio's handlers contain fences that TSan does not model; the mutexes beside them it does.
    target_compile_options(bailiff_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(BAILIFF_FUZZ)
  target_compile_options(bailiff_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The precompiled headers hold what nearly every unit pays for otherwise: the standard library and nlohmann/json, and for
# tests GoogleTest. The optimizer is a quarter of a test's compile time and nobody's time afterwards: tests are at -O1.
set(BAILIFF_TEST_FLAGS $<$<CONFIG:Release>:-O1>)
file(WRITE ${CMAKE_BINARY_DIR}/pch_anchor.cpp "")
function(bailiff_precompiled name)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/pch_anchor.cpp)
  target_link_libraries(${name} PUBLIC bailiff_flags nlohmann_json::nlohmann_json fmt::fmt)
  target_precompile_headers(${name} PRIVATE
    <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string>
    <string_view> <unordered_map> <utility> <variant> <vector> <nlohmann/json.hpp> ${ARGN})
endfunction()
bailiff_precompiled(bailiff_pch)
if(BAILIFF_TESTS)
  find_package(GTest REQUIRED)
  bailiff_precompiled(bailiff_test_pch <gtest/gtest.h>)
  target_compile_options(bailiff_test_pch PRIVATE ${BAILIFF_TEST_FLAGS})
  target_link_libraries(bailiff_test_pch PUBLIC GTest::gtest)
endif()

function(bailiff_common target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} PUBLIC bailiff_flags nlohmann_json::nlohmann_json fmt::fmt)
  if(ARGN)
    target_precompile_headers(${target} REUSE_FROM ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM bailiff_pch)
  endif()
endfunction()

# bailiff_beast(a.cpp ...): units that instantiate Boost.Beast, a minute of compiler time each. Half of it is the
# optimizer's, for code that waits for sockets: they are at -O1, without the precompiled header that is made for -O2.
function(bailiff_beast)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS $<$<CONFIG:Release>:-O1>)
endfunction()

# bailiff_library(NAME SOURCES a.cpp ... LINKS lib ... [ALONE]): one library per folder; its links are its includes.
# Most of a unit's compile time goes into headers and templates that its neighbours need as well: with BAILIFF_UNITY six
# files of a folder are compiled as one (but for ALONE ones). What is built is the same; a change rebuilds more.
function(bailiff_library name)
  cmake_parse_arguments(PARSE_ARGV 1 A "ALONE" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${A_SOURCES})
  if(BAILIFF_UNITY AND NOT A_ALONE)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
  bailiff_common(${name})
  target_link_libraries(${name} PUBLIC ${A_LINKS})
endfunction()

# bailiff_program(NAME SOURCES ... LINKS ...): an executable in build/<preset>/bin.
function(bailiff_program name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "" "SOURCES;LINKS")
  add_executable(${name} ${A_SOURCES})
  bailiff_common(${name})
  target_link_libraries(${name} PRIVATE ${A_LINKS})
endfunction()

# bailiff_test(NAME SOURCES ... LINKS ... [LABEL unit] [TIMEOUT s]): a GoogleTest program and its ctest entry.
function(bailiff_test name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "LABEL;TIMEOUT" "SOURCES;LINKS")
  add_executable(${name} ${A_SOURCES})
  bailiff_common(${name} bailiff_test_pch)
  if(BAILIFF_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  endif()
  target_compile_options(${name} PRIVATE ${BAILIFF_TEST_FLAGS})
  target_link_libraries(${name} PRIVATE ${A_LINKS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE BAILIFF_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    BAILIFF_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT A_LABEL)
    set(A_LABEL unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT})
  if("bailiff_lab" IN_LIST A_LINKS)
    # Emulated guests and patience do not go well with other emulated guests: one laboratory at a time.
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK laboratory)
  endif()
endfunction()
