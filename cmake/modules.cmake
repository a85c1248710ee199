include(GoogleTest)

# gantry_module(NAME
#   SOURCES a.cpp …          files of this folder
#   TESTS a_test.cpp …       become the executable gantry_NAME_test
#   DEPS gantry_base …       public: what the module's headers show
#   PRIVATE_DEPS …           what only its sources use
#   TEST_DEPS …)             what only its tests use
function(gantry_module NAME)
  cmake_parse_arguments(M "" "" "SOURCES;TESTS;DEPS;PRIVATE_DEPS;TEST_DEPS" ${ARGN})
  set(target gantry_${NAME})
  if(M_SOURCES)
    add_library(${target} STATIC ${M_SOURCES})
    target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${target} PUBLIC ${M_DEPS} PRIVATE ${M_PRIVATE_DEPS})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${target} INTERFACE ${M_DEPS})
  endif()
  if(GANTRY_TESTS AND M_TESTS)
    add_executable(${target}_test ${M_TESTS})
    target_link_libraries(${target}_test PRIVATE ${target} ${M_PRIVATE_DEPS} ${M_TEST_DEPS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${target}_test PRIVATE GANTRY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(${target}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
  endif()
endfunction()

# gantry_server_test(NAME VARIABLE
#   TESTS a_test.cpp …       become the executable gantry_NAME_test; they need the server that the environment variable
#                            VARIABLE names, and are skipped without it (tests/contract/server_main.cpp)
#   DEPS gantry_index …)
function(gantry_server_test NAME VARIABLE)
  if(NOT GANTRY_TESTS)
    return()
  endif()
  cmake_parse_arguments(M "" "" "TESTS;DEPS" ${ARGN})
  set(target gantry_${NAME}_test)
  add_executable(${target} ${M_TESTS} ${CMAKE_SOURCE_DIR}/tests/contract/server_main.cpp)
  target_link_libraries(${target} PRIVATE ${M_DEPS} GTest::gmock GTest::gtest)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE GANTRY_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GANTRY_SERVER_VARIABLE="${VARIABLE}")
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
endfunction()
