#include "gantry/auth/certificate_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::auth {
namespace {

using ::testing::HasSubstr;

tls::ClientCertificate certificate(std::string subject, std::vector<std::string> names = {}) {
  tls::ClientCertificate made;
  made.subject = std::move(subject);
  made.alternatives = std::move(names);
  made.fingerprint = std::string(64, 'a');
  made.expires = std::chrono::system_clock::now() + std::chrono::hours(1);
  return made;
}

CertificateRules rules(const std::string& text) {
  auto parsed = CertificateRules::parse(text);
  if (!parsed) ADD_FAILURE() << parsed.error().detail();
  return parsed ? *parsed : CertificateRules();
}

/// "tenant" or "(status)".
std::string tenant_of(const CertificateRules& rules, const tls::ClientCertificate& certificate) {
  const auto verdict = rules.identify(certificate);
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) return "(" + std::to_string(refusal->status) + ")";
  return std::get<Identity>(verdict).tenant.str();
}

TEST(CertificateRules, GiveTheFirstLineThatMatches) {
  const auto known = rules(
      "# who is who\n"
      "\n"
      "clinic-a  read,write  subject:CN=ct 1,O=Clinic A\r\n"
      "clinic-b\tread\tdns:*.b.example\n"
      "clinic-c  delete  email:it@c.example\n"
      "clinic-d  admin   uri:urn:d\n"
      "clinic-e  read    sha256:" + std::string(64, 'A'));
  EXPECT_EQ(known.size(), 5U);
  EXPECT_EQ(tenant_of(known, certificate("CN=ct 1,O=Clinic A")), "clinic-a");
  EXPECT_EQ(tenant_of(known, certificate("CN=ct 1,O=Clinic A", {"dns:x.b.example"})), "clinic-a");
  EXPECT_EQ(tenant_of(known, certificate("CN=x", {"dns:other.example", "dns:X.B.example"})), "clinic-b");
  EXPECT_EQ(tenant_of(known, certificate("CN=x", {"email:it@c.example"})), "clinic-c");
  EXPECT_EQ(tenant_of(known, certificate("CN=x", {"uri:urn:d"})), "clinic-d");
  EXPECT_EQ(tenant_of(known, certificate("CN=x")), "clinic-e");

  const auto verdict = known.identify(certificate("CN=ct 1,O=Clinic A"));
  const auto& identity = std::get<Identity>(verdict);
  EXPECT_EQ(identity.principal, "CN=ct 1,O=Clinic A");
  EXPECT_EQ(identity.permissions, (PermissionSet{Permission::kRead, Permission::kWrite}));
  EXPECT_EQ(identity.method, "certificate");
  EXPECT_FALSE(identity.only_study);
}

TEST(CertificateRules, MatchNothingThatOnlyLooksAlike) {
  const auto known = rules("a read subject:CN=ct-1\na read dns:*.a.example\na read dns:b.example\n");
  for (const auto& other :
       {certificate("CN=ct-1,O=Evil"), certificate("cn=ct-1"), certificate("CN=ct-11"), certificate("O=x,CN=ct-1"),
        certificate("x", {"dns:a.example"}), certificate("x", {"dns:x.y.a.example"}), certificate("x", {"dns:.a.example"}),
        certificate("x", {"dns:xa.example"}), certificate("x", {"uri:dns:x.a.example"}), certificate("x", {"dns:b.example.evil"}),
        certificate("dns:b.example")}) {
    EXPECT_EQ(tenant_of(known, other), "(403)") << other.subject << (other.alternatives.empty() ? "" : other.alternatives[0]);
  }
}

TEST(CertificateRules, LetAnybodyInWhoseLineSaysAny) {
  EXPECT_EQ(tenant_of(rules("a read any"), certificate("CN=whoever")), "a");
  EXPECT_EQ(tenant_of(rules(""), certificate("CN=whoever")), "(403)");
}

TEST(CertificateRules, RefuseACertificateThatExpiredWhileItsConnectionLived) {
  auto old = certificate("CN=x");
  old.expires = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(tenant_of(rules("a read any"), old), "(401)");
}

TEST(CertificateRules, NameTheLineThatIsWrong) {
  const auto failure = [](const std::string& text) {
    const auto parsed = CertificateRules::parse(text);
    return parsed ? std::string("(right)") : parsed.error().detail();
  };
  EXPECT_THAT(failure("# x\na read"), HasSubstr("line 2: expected TENANT PERMISSIONS"));
  EXPECT_THAT(failure("A read any"), HasSubstr("\"A\" is no tenant"));
  EXPECT_THAT(failure("a read,all any"), HasSubstr("\"all\" is no permission"));
  EXPECT_THAT(failure("a read everything"), HasSubstr("names nothing of a certificate"));
  EXPECT_THAT(failure("a read dns:"), HasSubstr("names nothing of a certificate"));
  EXPECT_THAT(failure("a read sha256:AB:CD"), HasSubstr("64 hex digits"));
}

}  // namespace
}  // namespace gantry::auth
