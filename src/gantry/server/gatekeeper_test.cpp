#include "gantry/server/gatekeeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/base/task_test_support.hpp"

namespace gantry::server {
namespace {

using ::testing::HasSubstr;
using gantry::testing::await;

/// Takes `Authorization: Key NAME`; the name "ann" reads in clinic-a, "bob" administers there, others are unknown.
class NameKeys : public Authenticator {
 public:
  bool recognises(const http::Request& request) const override {
    const auto field = request.headers.get("Authorization");
    return field && field->starts_with("Key ");
  }
  Task<auth::Verdict> identify(const http::Request& request) override {
    const std::string name(request.headers.get("Authorization")->substr(4));
    if (name != "ann" && name != "bob") co_return auth::Refusal{401, "invalid_token", "no such \"key\"\n"};
    auth::Identity identity;
    identity.principal = name;
    identity.tenant = TenantId("clinic-a");
    identity.permissions = name == "ann" ? PermissionSet{Permission::kRead} : PermissionSet::all();
    identity.method = "apikey";
    co_return identity;
  }
};

struct Door {
  OpenAccess open{TenantId("default")};
  NameKeys keys;
  Gatekeeper gatekeeper{open, {&keys}};

  std::optional<http::Response> ask(http::Request& request, Permission permission) const {
    return await([&] { return gatekeeper.admit(request, permission); });
  }
};

http::Request request_of(const char* name, std::string path = "/dicom-web/studies") {
  http::Request request;
  request.path = std::move(path);
  request.remote_address = "10.0.0.1";
  if (name != nullptr) request.headers.add("Authorization", std::string("Key ") + name);
  return request;
}

TEST(Gatekeeper, FillsTheContextOfWhomItKnows) {
  const Door door;
  auto request = request_of("ann");
  ASSERT_FALSE(door.ask(request, Permission::kRead));
  EXPECT_EQ(request.context.principal, "ann");
  EXPECT_EQ(request.context.tenant.str(), "clinic-a");
}

TEST(Gatekeeper, AsksForACredentialWithoutNamingAnError) {
  const Door door;
  auto request = request_of(nullptr);
  const auto refused = door.ask(request, Permission::kRead);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(refused->headers.get("WWW-Authenticate"), "Bearer realm=\"gantry\"") << "RFC 6750 §3.1";
  auto open = request_of(nullptr, "/healthz");
  EXPECT_FALSE(door.ask(open, Permission::kPublic));
}

TEST(Gatekeeper, SaysWhatIsWrongWithACredentialInOneHeaderLine) {
  const Door door;
  auto request = request_of("eve");
  const auto refused = door.ask(request, Permission::kRead);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(refused->headers.get("WWW-Authenticate"),
            "Bearer realm=\"gantry\", error=\"invalid_token\", error_description=\"no such 'key'?\"");
}

TEST(Gatekeeper, GivesNobodyMoreThanTheirPermissions) {
  const Door door;
  for (const Permission permission : {Permission::kWrite, Permission::kDelete, Permission::kAdmin}) {
    auto request = request_of("ann");
    const auto refused = door.ask(request, permission);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 403);
    EXPECT_THAT(std::string(*refused->headers.get("WWW-Authenticate")), HasSubstr("insufficient_scope"));
    auto allowed = request_of("bob");
    EXPECT_FALSE(door.ask(allowed, permission));
  }
}

TEST(Gatekeeper, LetsHeaderAndPathOnlyAgreeWithTheTenantOfTheCredential) {
  const Door door;
  auto same = request_of("ann", "/tenants/clinic-a/dicom-web/studies");
  same.headers.add("x-tenant", "clinic-a");
  EXPECT_FALSE(door.ask(same, Permission::kRead));
  auto header = request_of("bob");
  header.headers.add("x-tenant", "clinic-b");
  EXPECT_EQ(door.ask(header, Permission::kRead)->status, 403);
  EXPECT_TRUE(header.context.tenant.empty());
  auto path = request_of("bob", "/tenants/clinic-b/dicom-web/studies");
  EXPECT_EQ(door.ask(path, Permission::kRead)->status, 403);
}

TEST(Gatekeeper, LetsTheOwnerOfTheMachineInByTheUnixSocket) {
  const Door door;
  auto request = request_of(nullptr, "/admin/fsck");
  request.remote_address = "unix";
  EXPECT_FALSE(door.ask(request, Permission::kAdmin));
  EXPECT_EQ(request.context.principal, "unix");
}

TEST(Gatekeeper, IsOpenWithoutAnyKindOfCredential) {
  const OpenAccess open{TenantId("default")};
  const Gatekeeper gatekeeper(open, {});
  auto request = request_of(nullptr);
  EXPECT_FALSE(await([&] { return gatekeeper.admit(request, Permission::kDelete); }));
  EXPECT_EQ(request.context.tenant.str(), "default");
  auto admin = request_of(nullptr, "/admin/fsck");
  EXPECT_EQ(await([&] { return gatekeeper.admit(admin, Permission::kAdmin); })->status, 403);
}

}  // namespace
}  // namespace gantry::server
