#include "gantry/server/key_access.hpp"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/base/task_test_support.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/server/share_pages.hpp"

namespace gantry::server {
namespace {

using ::gantry::testing::await;
using ::testing::HasSubstr;
using ::testing::Not;

struct House {
  House() {
    for (const char* const name : {"clinic-b", "clinic-a"}) {
      ctx.tenant = TenantId(name);
      EXPECT_TRUE(index.ensure_tenant(ctx));
    }
  }
  std::string key(PermissionSet permissions) {
    auto made = credentials.keys.create(ctx, {"robot", ctx.tenant, permissions, std::nullopt});
    EXPECT_TRUE(made);
    return made->text;
  }
  std::string link() {
    auto made = credentials.shares.create(ctx, StudyUid("1.2.3"), std::chrono::hours(1));
    EXPECT_TRUE(made);
    return made->token;
  }
  http::Request request(std::string path, const std::string& authorization = "") {
    http::Request made;
    made.path = std::move(path);
    made.remote_address = "10.0.0.1";
    if (!authorization.empty()) made.headers.add("Authorization", authorization);
    return made;
  }
  std::optional<http::Response> ask(http::Request& request, Permission permission) {
    return await([&] { return gatekeeper.admit(request, permission); });
  }
  int status(http::Request request, Permission permission) {
    const auto refusal = ask(request, permission);
    return refusal ? refusal->status : 200;
  }

  index::MemoryIndex index;
  WorkerPool pool{"index", 1, 16};
  Credentials credentials{index, pool, "https://pacs.example"};
  KeyAuthenticator keys{credentials};
  ShareAuthenticator shares{credentials};
  OpenAccess open{TenantId("default")};
  Gatekeeper gatekeeper{open, {&keys}, &shares};
  RequestContext ctx;
};

TEST(KeyAccess, AKeyOpensWhatItIsAllowedAndNothingElse) {
  House house;
  const std::string key = "Bearer " + house.key({Permission::kRead, Permission::kDelete});
  auto request = house.request("/dicom-web/studies", key);
  ASSERT_FALSE(house.ask(request, Permission::kRead));
  EXPECT_EQ(request.context.tenant, TenantId("clinic-a"));
  EXPECT_THAT(request.context.principal, HasSubstr("(robot)"));
  EXPECT_EQ(request.context.only_study, std::nullopt);
  EXPECT_EQ(house.status(house.request("/x", key), Permission::kDelete), 200);
  EXPECT_EQ(house.status(house.request("/x", key), Permission::kWrite), 403);
  EXPECT_EQ(house.status(house.request("/x", key), Permission::kAdmin), 403);
  EXPECT_EQ(house.status(house.request("/x", "bearer  " + key.substr(7)), Permission::kRead), 200);
  EXPECT_EQ(house.status(house.request("/tenants/clinic-b/x", key), Permission::kRead), 403);
  EXPECT_EQ(house.status(house.request("/x"), Permission::kRead), 401);
}

TEST(KeyAccess, WhatIsNoKeyIsChallenged) {
  House house;
  const std::string key = house.key({Permission::kRead});
  for (const std::string& wrong : {key.substr(0, key.size() - 1), std::string("gantry_"), key + key}) {
    auto request = house.request("/x", "Bearer " + wrong);
    const auto refusal = house.ask(request, Permission::kRead);
    ASSERT_TRUE(refusal) << wrong;
    EXPECT_EQ(refusal->status, 401);
    EXPECT_THAT(std::string(refusal->headers.get("WWW-Authenticate").value_or("")), HasSubstr("invalid_token"));
    EXPECT_THAT(std::string(refusal->headers.get("WWW-Authenticate").value_or("")), Not(HasSubstr("gantry_")));
  }
  EXPECT_EQ(house.status(house.request("/x", "Basic " + key), Permission::kRead), 401);
}

TEST(KeyAccess, ALinkOpensItsStudyWhetherOrNotOthersNeedACredential) {
  House house;
  const Gatekeeper open_house(house.open, {}, &house.shares);
  const std::string path = "/share/" + house.link() + "/dicom-web/studies";
  for (const Gatekeeper* gate : {&std::as_const(house.gatekeeper), &open_house}) {
    auto request = house.request(path, "Bearer nonsense");
    const auto refusal = await([&] { return gate->admit(request, Permission::kRead); });
    ASSERT_FALSE(refusal);
    EXPECT_EQ(request.context.tenant, TenantId("clinic-a"));
    EXPECT_EQ(request.context.only_study, StudyUid("1.2.3"));
    auto socket = house.request(path);
    socket.remote_address = "unix";
    ASSERT_FALSE(await([&] { return gate->admit(socket, Permission::kRead); }));
    EXPECT_EQ(socket.context.only_study, StudyUid("1.2.3")) << "also over the administrators' socket";
    auto other = house.request("/share/" + auth::make_token(auth::kSharePrefix).text);
    const auto no = await([&] { return gate->admit(other, Permission::kRead); });
    ASSERT_TRUE(no);
    EXPECT_EQ(no->status, 404);
    EXPECT_EQ(no->headers.get("Cache-Control"), "no-store");
  }
  EXPECT_EQ(house.status(house.request(path), Permission::kWrite), 403);
}

TEST(KeyAccess, LogsShowWhichShareItWasAndNotHowToOpenIt) {
  const auto token = auth::make_token(auth::kSharePrefix);
  EXPECT_EQ(path_for_logs("/share/" + token.text + "/dicom-web/studies"), "/share/" + token.id + "/dicom-web/studies");
  EXPECT_EQ(path_for_logs("/share/" + token.text), "/share/" + token.id);
  EXPECT_EQ(path_for_logs("/share/" + token.text.substr(0, 60) + "/x"), "/share/***/x") << "one that was cut";
  EXPECT_EQ(path_for_logs("/dicom-web/studies/1.2"), "/dicom-web/studies/1.2");
  const auto key = auth::make_token(auth::kApiKeyPrefix);
  EXPECT_EQ(path_for_logs("/dicom-web/" + key.text), "/dicom-web/gantry_" + key.id + "_***");
}

TEST(SharePages, SendTheViewerWhereItFindsTheStudy) {
  const std::string root = "https://pacs.example/share/T";
  EXPECT_EQ(viewer_link("https://v.example/ohif/", "1.2", root),
            "https://v.example/ohif/viewer/dicomwebproxy?studyInstanceUIDs=1.2&url="
            "https%3A%2F%2Fpacs.example%2Fshare%2FT%2Fohif.json");
  EXPECT_EQ(viewer_link("https://v.example/?s={study}&r={dicomweb}#{other}", "1.2", root),
            "https://v.example/?s=1.2&r=https%3A%2F%2Fpacs.example%2Fshare%2FT%2Fdicom-web#{other}");
}

TEST(SharePages, ARouteBelowAShareAnswersAboutOneStudyOrNotAtAll) {
  const auto handler = [](http::Request&) -> Task<http::Response> { co_return http::respond(200, "text/plain", "x"); };
  const auto routes = discreet({{http::Method::kGet, "/share/{token}/x", Permission::kRead, "", handler},
                                {http::Method::kGet, "/other", Permission::kRead, "", handler}});
  http::Request request;
  EXPECT_EQ(await([&] { return routes[0].handler(request); }).status, 404);
  EXPECT_EQ(await([&] { return routes[1].handler(request); }).status, 200);
  request.context.only_study = StudyUid("1.2.3");
  const auto answer = await([&] { return routes[0].handler(request); });
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Cache-Control"), "no-store");
  EXPECT_EQ(answer.headers.get("Referrer-Policy"), "no-referrer");
}

TEST(CredentialAdmin, SaysWhatWasMadeOnceAndListsItWithoutItsSecret) {
  House house;
  const auto made = create_api_key(house.index, house.credentials.keys, house.ctx, {"r \"1\"", "clinic-a", "read,admin", "90d"});
  ASSERT_TRUE(made);
  EXPECT_THAT(*made, HasSubstr(R"("permissions":["read","admin"])"));
  const auto at = made->find("\"key\":\"") + 7;
  const std::string key = made->substr(at, made->find('"', at) - at);
  EXPECT_TRUE(auth::id_in_token(auth::kApiKeyPrefix, key));
  const auto list = list_api_keys(house.credentials.keys, house.ctx, std::nullopt);
  ASSERT_TRUE(list);
  EXPECT_THAT(*list, HasSubstr(R"("name":"r \"1\"")"));
  EXPECT_THAT(*list, Not(HasSubstr(key)));
  const std::string id(*auth::id_in_token(auth::kApiKeyPrefix, key));
  EXPECT_EQ(revoke_api_key(house.index, house.credentials.keys, house.ctx, id, TenantId("clinic-b")).error().kind(),
            ErrorKind::kNotFound)
      << "another tenant's";
  EXPECT_TRUE(revoke_api_key(house.index, house.credentials.keys, house.ctx, id, TenantId("clinic-a")));
  const auto rows = house.index.audit_rows(house.ctx, {});
  ASSERT_TRUE(rows && rows->size() == 2);
  EXPECT_EQ((*rows)[0].entry.action, "apikey.created");
  EXPECT_EQ((*rows)[0].entry.detail, "apikey:" + id + " (r \"1\") read,admin");
  EXPECT_EQ((*rows)[1].entry.action, "apikey.revoked");
  EXPECT_EQ(create_api_key(house.index, house.credentials.keys, house.ctx, {"r", "nobody", "read", ""}).error().kind(),
            ErrorKind::kNotFound);
  EXPECT_THAT(*house.credentials.keys.list(house.ctx, std::nullopt), ::testing::IsEmpty()) << "what is not on record is not";
  EXPECT_EQ(create_api_key(house.index, house.credentials.keys, house.ctx, {"r", "", "read,fly", ""}).error().kind(),
            ErrorKind::kInvalid);
  EXPECT_EQ(create_share(house.index, house.credentials.shares, house.ctx, {"1.2.3", "clinic-a", ""}, "").error().kind(),
            ErrorKind::kNotFound)
      << "no such study";
}

TEST(CredentialAdmin, AnAdministratorOfOneTenantReachesThatOneAlone) {
  House house;
  const http::Router router(credential_routes(house.credentials));
  const auto ask = [&](http::Method method, const std::string& path, const std::string& query, const char* from) {
    const auto match = router.match(method, path);
    http::Request request = house.request(path);
    request.parameters = match.parameters;
    request.query = query;
    request.remote_address = from;
    request.context.tenant = TenantId("clinic-a");
    return await([&] { return match.route->handler(request); }).status;
  };
  using http::Method;
  EXPECT_EQ(ask(Method::kPost, "/admin/apikeys", "name=x&permissions=read&tenant=clinic-b", "10.0.0.1"), 403);
  EXPECT_EQ(ask(Method::kPost, "/admin/apikeys", "name=x&permissions=operate", "10.0.0.1"), 403) << "beyond the asker's tenant";
  EXPECT_EQ(ask(Method::kPost, "/admin/apikeys", "name=x&permissions=read,operate&tenant=clinic-b", "unix"), 200);
  EXPECT_EQ(ask(Method::kPost, "/admin/apikeys", "name=x&permissions=read", "10.0.0.1"), 200);
  EXPECT_EQ(ask(Method::kGet, "/admin/apikeys", "tenant=clinic-b", "10.0.0.1"), 403);
  EXPECT_EQ(house.credentials.keys.list(house.ctx, TenantId("clinic-a"))->size(), 1U);
  const auto of_b = *house.credentials.keys.list(house.ctx, TenantId("clinic-b"));
  ASSERT_EQ(of_b.size(), 1U);
  EXPECT_EQ(ask(Method::kPost, "/admin/apikeys/" + of_b[0].id + "/revoke", "", "10.0.0.1"), 404);
  EXPECT_EQ(ask(Method::kPost, "/admin/apikeys/" + of_b[0].id + "/revoke", "", "unix"), 200);
  EXPECT_EQ(ask(Method::kGet, "/admin/shares", "colour=red", "unix"), 400);
}

}  // namespace
}  // namespace gantry::server
