#include "gantry/server/access.hpp"

#include <gtest/gtest.h>

namespace gantry::server {
namespace {

using http::Permission;

http::Request request_for(std::string path, const char* tenant = nullptr, std::string from = "127.0.0.1") {
  http::Request request;
  request.path = std::move(path);
  request.remote_address = std::move(from);
  if (tenant != nullptr) request.headers.add("X-Tenant", tenant);
  return request;
}

TEST(OpenAccess, GivesEveryRequestTheOneTenant) {
  const OpenAccess access{TenantId("default")};
  auto plain = request_for("/dicom-web/studies");
  ASSERT_TRUE(access.admit(plain, Permission::kRead));
  EXPECT_EQ(plain.context.tenant.str(), "default");
  auto named = request_for("/tenants/default/dicom-web/studies", "default");
  EXPECT_TRUE(access.admit(named, Permission::kDelete));
}

TEST(OpenAccess, RefusesAnyOtherTenantHoweverItIsNamed) {
  const OpenAccess access{TenantId("default")};
  auto header = request_for("/dicom-web/studies", "clinic-b");
  EXPECT_EQ(access.admit(header, Permission::kRead).error().kind(), ErrorKind::kDenied);
  EXPECT_TRUE(header.context.tenant.empty());
  for (const char* path :
       {"/tenants/clinic-b/dicom-web/studies", "/tenants/", "/tenants/default2/x", "/tenants/Default/x"}) {
    auto request = request_for(path);
    EXPECT_EQ(access.admit(request, Permission::kRead).error().kind(), ErrorKind::kDenied) << path;
  }
  auto twice = request_for("/dicom-web/studies", "default");
  twice.headers.add("x-tenant", "clinic-b");
  EXPECT_FALSE(access.admit(twice, Permission::kRead));
  auto empty = request_for("/dicom-web/studies", "");
  EXPECT_FALSE(access.admit(empty, Permission::kRead));
}

TEST(OpenAccess, LetsARequestChooseItsTenantWhenItIsToldTo) {
  const OpenAccess access{TenantId("default"), true};
  auto by_path = request_for("/tenants/clinic-b/dicom-web/studies");
  ASSERT_TRUE(access.admit(by_path, Permission::kRead));
  EXPECT_EQ(by_path.context.tenant.str(), "clinic-b");
  auto by_header = request_for("/dicom-web/studies", "clinic-b");
  ASSERT_TRUE(access.admit(by_header, Permission::kRead));
  EXPECT_EQ(by_header.context.tenant.str(), "clinic-b");
  auto by_neither = request_for("/dicom-web/studies");
  ASSERT_TRUE(access.admit(by_neither, Permission::kRead));
  EXPECT_EQ(by_neither.context.tenant.str(), "default");
  auto torn = request_for("/tenants/clinic-a/dicom-web/studies", "clinic-b");
  EXPECT_EQ(access.admit(torn, Permission::kRead).error().kind(), ErrorKind::kDenied);
  for (const char* path : {"/tenants/", "/tenants/Clinic/x", "/tenants/a b/x", "/tenants/../x"}) {
    auto request = request_for(path);
    EXPECT_EQ(access.admit(request, Permission::kRead).error().kind(), ErrorKind::kDenied) << path;
  }
}

TEST(OpenAccess, LeavesAdministrationToTheUnixSocket) {
  const OpenAccess access{TenantId("default")};
  auto network = request_for("/admin/fsck");
  EXPECT_EQ(access.admit(network, Permission::kAdmin).error().kind(), ErrorKind::kDenied);
  auto local = request_for("/admin/fsck", nullptr, "unix");
  EXPECT_TRUE(access.admit(local, Permission::kAdmin));
}

TEST(Loopback, IsToldFromAddressesThatOthersReach) {
  for (const char* listen : {"127.0.0.1:8080", "127.9.9.9:0", "localhost:80", "[::1]:8080", "[::ffff:127.0.0.1]:80"}) {
    EXPECT_TRUE(is_loopback(listen)) << listen;
  }
  for (const char* listen : {"0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "example.org:80", ":8080", "",
                             "localhost.example:80", "[::ffff:10.0.0.1]:80"}) {
    EXPECT_FALSE(is_loopback(listen)) << listen;
  }
}

}  // namespace
}  // namespace gantry::server
