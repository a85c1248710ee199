# Every library is a Debian 12 package; a client library is linked only by the module that hides it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc icu-i18n)
pkg_check_modules(SPDLOG REQUIRED IMPORTED_TARGET spdlog)
pkg_check_modules(FMT REQUIRED IMPORTED_TARGET fmt)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml)

add_library(gantry_asio INTERFACE)
target_include_directories(gantry_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(gantry_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT
                                                 BOOST_ASIO_HAS_STD_INVOKE_RESULT)
target_link_libraries(gantry_asio INTERFACE Threads::Threads)

if(GANTRY_TESTS)
  find_package(GTest REQUIRED)
endif()
