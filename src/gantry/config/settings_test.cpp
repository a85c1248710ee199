#include "gantry/config/settings.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "gantry/config/setting_table.hpp"

namespace gantry::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A file that goes when the test ends.
class TempFile {
 public:
  explicit TempFile(const std::string& text) {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("gantry-settings-" + std::to_string(::getpid()) + "-" + std::to_string(number++) + ".toml");
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TempFile() { std::filesystem::remove(path_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Result<Settings> load_text(const std::string& text) {
  const TempFile file(text);
  return load(file.path(), {}, {});
}
std::string refusal(const std::string& text) {
  const auto settings = load_text(text);
  return settings ? "" : settings.error().detail();
}
std::string refusal(const Environment& environment, const Flags& flags) {
  const auto settings = load(std::nullopt, environment, flags);
  return settings ? "" : settings.error().detail();
}

/// Something else than the default that the setting takes.
std::string another_value(const Setting& setting) {
  switch (setting.kind) {
    case ValueKind::kText: return "other";
    case ValueKind::kAddress: return "127.0.0.1:4242";
    case ValueKind::kHttpUrl: return "https://pacs.example/dicom-web";
    case ValueKind::kIndexUrl: return "sqlite:elsewhere";
    case ValueKind::kStorageUrl: return "file:elsewhere";
    case ValueKind::kCacheUrl: return "redis://127.0.0.1:6379/2";
    case ValueKind::kAeTitle: return "OTHER AE";
    case ValueKind::kChoice:
      return setting.choices.back() == setting.info.default_text ? setting.choices.front() : setting.choices.back();
    case ValueKind::kAddresses: return "10.0.0.1,::1";
    case ValueKind::kOrigins: return "https://a.example,http://localhost:3000";
    case ValueKind::kPath: return "/elsewhere";
    case ValueKind::kFile: return "/elsewhere/file.pem";
    case ValueKind::kSwitch: return setting.info.default_text == "true" ? "false" : "true";
    case ValueKind::kCount: return setting.info.name().ends_with("_threshold") ? "55" : "123";
    case ValueKind::kBytes: return "1MB";
    case ValueKind::kDuration: return setting.info.name() == "worker.sweep_age" ? "3h" : "30min";
    case ValueKind::kProviderUrl: return "https://id.example/realms/one/";
    case ValueKind::kTexts: return setting.choices.empty() ? "$.roles=a,scope:b" : "ES256,RS256";
  }
  return "";
}

TEST(Settings, DefaultsAreThoseOfTheDesign) {
  const auto settings = load(std::nullopt, {}, {});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->http.listen, "127.0.0.1:8080");
  EXPECT_EQ(settings->dimse.aet, "GANTRY");
  EXPECT_EQ(settings->index.url, "sqlite:./gantry-data/index.sqlite");
  EXPECT_EQ(settings->storage.url, "file:./gantry-data");
  EXPECT_EQ(settings->http.body_bytes, 16ULL << 30);
  EXPECT_EQ(settings->worker.quiet_period, 10s);
  EXPECT_FALSE(settings->http.insecure_open);
  EXPECT_TRUE(settings->sources.empty());
}

TEST(Settings, EveryOneHasThreeNamesByOneRule) {
  std::set<std::string> names;
  for (const auto& info : all_settings()) {
    std::string expected = "GANTRY_" + info.section + "_" + info.key;
    for (char& c : expected) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_EQ(info.environment, expected);
    EXPECT_THAT(info.flag, StartsWith("--" + info.section + "-"));
    EXPECT_FALSE(info.help.empty()) << info.name();
    EXPECT_FALSE(info.type.empty()) << info.name();
    for (const auto& name : {info.environment, info.flag, info.short_flag}) {
      if (!name.empty()) {
        EXPECT_TRUE(names.insert(name).second) << name;
      }
    }
  }
  EXPECT_TRUE(names.contains("GANTRY_INDEX_URL"));
  EXPECT_TRUE(names.contains("--dimse-listen"));
  EXPECT_TRUE(names.contains("--http-header-deadline"));
}

TEST(Settings, EveryOneTakesItsDefaultAndAnotherValueByAllThreeNames) {
  for (const auto& setting : setting_table()) {
    SCOPED_TRACE(setting.info.name());
    Settings settings;
    EXPECT_TRUE(assign_text(setting, setting.info.default_text, settings));
    EXPECT_EQ(text_of(setting, settings), setting.info.default_text);

    auto other = another_value(setting);
    ASSERT_NE(other, setting.info.default_text);
    // limit_default may not be above limit_most, whichever of the two is tried.
    Environment environment{{"GANTRY_DICOMWEB_LIMIT_DEFAULT", "100"}, {"GANTRY_DICOMWEB_LIMIT_MOST", "200"}};
    // What [tls] needs stands together.
    environment.insert({{"GANTRY_TLS_CERTIFICATE", "c"}, {"GANTRY_TLS_KEY", "k"}, {"GANTRY_TLS_CLIENT_CA", "a"}});
    environment.insert({"GANTRY_TLS_CLIENT", "optional"});
    environment[setting.info.environment] = other;
    const auto by_environment = load(std::nullopt, environment, {});
    ASSERT_TRUE(by_environment) << by_environment.error().detail();
    EXPECT_EQ(text_of(setting, *by_environment), other);
    EXPECT_EQ(by_environment->sources.at(setting.info.name()), setting.info.environment);

    environment.erase(setting.info.environment);
    const auto by_flag = load(std::nullopt, environment, {{setting.info.flag, other}});
    ASSERT_TRUE(by_flag) << by_flag.error().detail();
    EXPECT_EQ(text_of(setting, *by_flag), other);
    EXPECT_EQ(by_flag->sources.at(setting.info.name()), setting.info.flag);

    const TempFile file("[" + setting.info.section + "]\n" + setting.info.key + " = " + toml_of(setting, *by_flag) +
                        "\n");
    const auto by_file = load(file.path(), environment, {});
    ASSERT_TRUE(by_file) << by_file.error().detail();
    EXPECT_EQ(text_of(setting, *by_file), other);
    EXPECT_EQ(by_file->sources.at(setting.info.name()), file.path().string() + ", line 2");
  }
}

TEST(Settings, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  const TempFile file("[store]\nconflict = \"ignore\"\n[http]\nlisten = \"127.0.0.1:1\"\n");
  EXPECT_EQ(load(file.path(), {}, {})->store.conflict, "ignore");
  EXPECT_EQ(load(file.path(), {{"GANTRY_STORE_CONFLICT", "replace"}}, {})->store.conflict, "replace");
  EXPECT_EQ(load(file.path(), {{"GANTRY_STORE_CONFLICT", "replace"}}, {{"--store-conflict", "reject"}})->store.conflict,
            "reject");
  EXPECT_EQ(load(file.path(), {}, {{"--listen", "127.0.0.1:2"}})->http.listen, "127.0.0.1:2");
}

TEST(Settings, TheDataFolderDecidesWhereIndexAndObjectsAre) {
  const auto settings = load(std::nullopt, {}, {{"--data", "/srv/gantry"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->data.dir, "/srv/gantry");
  EXPECT_EQ(settings->index.url, "sqlite:/srv/gantry/index.sqlite");
  EXPECT_EQ(settings->storage.url, "file:/srv/gantry");
}

TEST(Settings, AWrongValueNamesItsPlaceWhatWasGivenAndWhatWasExpected) {
  EXPECT_THAT(refusal("\n[http]\nlisten = \"nowhere\"\n"),
              AllOf(HasSubstr(".toml, line 3: http.listen = \"nowhere\": expected HOST:PORT"), Not(HasSubstr("\n"))));
  EXPECT_THAT(refusal("[index]\nurl = 5\n"), HasSubstr("index.url = 5: expected a string: sqlite:PATH"));
  EXPECT_THAT(refusal("[store]\nconflict = \"maybe\"\n"), HasSubstr("expected reject, replace or ignore"));
  EXPECT_THAT(refusal("[worker]\nquiet_period = 10\n"),
              HasSubstr("worker.quiet_period = 10: expected a string: a duration such as"));
  EXPECT_THAT(refusal("[http]\nbody_bytes = 1.5\n"), HasSubstr("expected a size"));
  EXPECT_THAT(refusal("[http]\nheader_bytes = 10\n"), HasSubstr("from 1kB to 1MB"));
  EXPECT_THAT(refusal("[http]\nheader_count = -1\n"), HasSubstr("expected a whole number"));
  EXPECT_THAT(refusal("[http]\ninsecure_open = \"true\"\n"), HasSubstr("expected true or false (without quotes)"));
  EXPECT_THAT(refusal("[http]\ncors_origins = [1]\n"), HasSubstr("an array with a member that is no string"));
  EXPECT_THAT(refusal("[http]\ntrusted_proxies = [\"10.0.0.1\", \"proxy\"]\n"), HasSubstr("(\"proxy\" is none)"));
  EXPECT_THAT(refusal("[http]\nlisten = 2026-01-01\n"), HasSubstr("http.listen = a date"));
  EXPECT_THAT(refusal({{"GANTRY_LOG_LEVEL", "loud"}}, {}),
              StartsWith("GANTRY_LOG_LEVEL=\"loud\": expected debug, info, warn, error or off"));
  EXPECT_THAT(refusal({}, {{"--worker-sweep-age", "1s"}}),
              StartsWith("--worker-sweep-age \"1s\": expected a duration"));
  EXPECT_THAT(refusal({}, {{"--dimse-aet", "SEVENTEEN LETTERS"}}), HasSubstr("AE title"));
  EXPECT_THAT(refusal({}, {{"--dicomweb-limit-default", "5000"}}), HasSubstr("at most dicomweb.limit_most"));
}

TEST(Settings, AnUnknownNameIsRefusedWithTheOneThatWasMeant) {
  EXPECT_THAT(refusal("[index]\nulr = \"sqlite:x\"\n"),
              HasSubstr("line 2: index.ulr is no setting; did you mean index.url?"));
  EXPECT_THAT(refusal("[nonsense]\nx = 1\n"), HasSubstr("[nonsense] is no section"));
  EXPECT_THAT(refusal("[htpp]\nlisten = \"x\"\n"), HasSubstr("did you mean [http]?"));
  EXPECT_THAT(refusal("[htpp]\n"), HasSubstr("did you mean [http]?"));
  EXPECT_THAT(refusal("listen = \"x\"\n"), HasSubstr("listen stands in no section; did you mean http.listen?"));
  EXPECT_THAT(refusal("[http.listen]\nx = 1\n"), HasSubstr("expected a string"));
  EXPECT_THAT(refusal("[storage]\ncache_url = \"\"\n"), HasSubstr("storage.cache_url is no setting"));
  EXPECT_THAT(refusal({{"GANTRY_HTTP_LISEN", "x"}}, {}),
              HasSubstr("GANTRY_HTTP_LISEN is no setting; did you mean GANTRY_HTTP_LISTEN?"));
  EXPECT_THAT(refusal({{"GANTRY_HTPP_LISTEN", "x"}}, {}), HasSubstr("did you mean GANTRY_HTTP_LISTEN?"));
  EXPECT_THAT(refusal({}, {{"--http-lisen", "x"}}), HasSubstr("did you mean --http-listen?"));
  EXPECT_EQ(refusal("[http]\n"), "");
}

TEST(Settings, VariablesOfScriptsAndTestsAreOnlyNoted) {
  const auto settings = load(std::nullopt, {{"GANTRY_CORPUS", "/x"}, {"HOME", "/root"}}, {});
  ASSERT_TRUE(settings);
  EXPECT_THAT(settings->warnings, ElementsAre("GANTRY_CORPUS is no setting and changes nothing"));
}

TEST(Settings, AllThatIsWrongIsToldAtOnce) {
  const auto settings =
      load(std::nullopt, {{"GANTRY_LOG_LEVEL", "loud"}}, {{"--listen", "x"}, {"--log-format", "xml"}});
  ASSERT_FALSE(settings);
  EXPECT_EQ(std::count(settings.error().detail().begin(), settings.error().detail().end(), '\n'), 2);
}

TEST(Settings, TwoFlagsOfOneSettingAreRefused) {
  EXPECT_THAT(refusal({}, {{"--listen", "127.0.0.1:1"}, {"--http-listen", "127.0.0.1:2"}}),
              HasSubstr("are the same setting"));
}

TEST(Settings, ASyntaxErrorNamesItsLine) {
  EXPECT_THAT(refusal("[index\n"), HasSubstr(".toml, line 1: "));
  EXPECT_THAT(refusal("[http]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n"), HasSubstr("line 3: "));
  EXPECT_THAT(refusal("\xFF\xFE"), HasSubstr("line 1: "));
  EXPECT_NE(refusal(std::string(10'000, '[')), "");
  EXPECT_THAT(refusal(std::string(2 << 20, '\n')), HasSubstr("larger than 1 MB"));
}

TEST(Settings, NoFileBreaksTheReader) {
  std::string sound;
  for (const auto& setting : setting_table()) {
    sound += "[" + setting.info.section + "." + setting.info.key + "]\n" + setting.info.key +
             " = [\"a\", 'b', \"\"\"c\"\"\", {x = 1}, 0x1F, 1e5] # d\n";
  }
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    auto text = sound.substr(random() % sound.size(), 1 + random() % 300);
    for (auto changes = random() % 6; changes > 0 && !text.empty(); --changes) {
      const auto at = random() % text.size();
      if (random() % 2 == 0) {
        text[at] = static_cast<char>(random() % 256);
      } else {
        text.insert(at, std::string(1 + random() % 3, "[]{}=\"'#\n.,\\"[random() % 12]));
      }
    }
    const auto entries = parse_toml(text);  // ends, with whatever result, and names a line when it refuses
    if (!entries) {
      EXPECT_THAT(entries.error().detail(), HasSubstr("line")) << text;
    }
  }
}

TEST(Settings, AFileThatIsNotThereIsSaid) {
  const auto settings = load("/nowhere/gantry.toml", {}, {});
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(settings.error().detail(), HasSubstr("/nowhere/gantry.toml"));
  EXPECT_FALSE(load("/", {}, {}));
}

TEST(Settings, PasswordsAreInNoMessage) {
  for (const char* url :
       {"redis://user:hunter2@h:port", "memcached://user:hunter2@h", "user:hunter2@h", "redis://u:hunter2@h/x"}) {
    EXPECT_THAT(refusal({}, {{"--cache-url", url}}), AllOf(HasSubstr("expected redis://"), Not(HasSubstr("hunter2"))));
  }
}

TEST(ShownSettings, LoadAgainAsTheyWere) {
  Environment environment;
  for (const auto& setting : setting_table()) environment[setting.info.environment] = another_value(setting);
  environment["GANTRY_DICOMWEB_LIMIT_MOST"] = "200";
  environment["GANTRY_DATA_DIR"] = "/odd \"name\\\n";
  for (const auto& variables : {Environment{}, environment}) {
    const auto settings = load(std::nullopt, variables, {});
    ASSERT_TRUE(settings) << settings.error().detail();
    const TempFile file(show(*settings));
    const auto again = load(file.path(), {}, {});
    ASSERT_TRUE(again) << again.error().detail() << show(*settings);
    for (const auto& setting : setting_table())
      EXPECT_EQ(text_of(setting, *again), text_of(setting, *settings)) << setting.info.name();
  }
}

TEST(ShownSettings, NameTheSourceAndHidePasswords) {
  const auto settings =
      load(std::nullopt, {{"GANTRY_LOG_LEVEL", "warn"}}, {{"--cache-url", "redis://user:hunter2@127.0.0.1:6379/0"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->cache.url, "redis://user:hunter2@127.0.0.1:6379/0");
  const auto text = show(*settings);
  EXPECT_THAT(text, HasSubstr("level = \"warn\"  # GANTRY_LOG_LEVEL\n"));
  EXPECT_THAT(text, HasSubstr("url = \"redis://user:***@127.0.0.1:6379/0\"  # --cache-url\n"));
  EXPECT_THAT(text, HasSubstr("conflict = \"reject\"  # default\n"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST(Settings, OfTlsStandTogether) {
  const std::string pair = "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
  EXPECT_EQ(refusal(pair), "");
  EXPECT_THAT(refusal("[tls]\ncertificate = \"c.pem\"\n"), HasSubstr("tls.certificate and tls.key: expected both, or none"));
  EXPECT_THAT(refusal(pair + "client = \"required\"\n"), HasSubstr("expected tls.client_ca"));
  EXPECT_THAT(refusal("[tls]\nclient = \"optional\"\nclient_ca = \"a.pem\"\n"), HasSubstr("expected tls.certificate"));
  EXPECT_THAT(refusal(pair + "client_rules = \"rules\"\n"), HasSubstr("tls.client_rules: expected tls.client"));
  EXPECT_EQ(refusal(pair + "client = \"required\"\nclient_ca = \"a.pem\"\nclient_rules = \"rules\"\n"), "");
  const auto settings = load_text(pair + "client_ca = \"a.pem\"\n");
  ASSERT_TRUE(settings);
  EXPECT_THAT(settings->warnings, ElementsAre(HasSubstr("tls.client_ca is not used")));
}

TEST(Issuers, StandInTablesOfTheirOwnBesideTheFirst) {
  const TempFile file(R"([auth]
issuer = "https://id.example/"
audience = "wado"
read = ["$.resource_access['a,b'].roles=viewer"]

[[auth.issuers]]
issuer = "https://other.example"
audience = ["stow", "more"]
write = ["scope:dicom.write"]

[[auth.issuers]]
issuer = "https://third.example"
)");
  const auto settings = load(file.path(), {}, {});
  ASSERT_TRUE(settings) << settings.error().detail();
  EXPECT_EQ(settings->auth.main.issuer, "https://id.example/") << "exactly as it is written";
  EXPECT_THAT(settings->auth.main.audience, ElementsAre("wado"));
  ASSERT_EQ(settings->auth.issuers.size(), 2U);
  EXPECT_THAT(settings->auth.issuers[0].audience, ElementsAre("stow", "more"));
  EXPECT_EQ(settings->auth.issuers[1].issuer, "https://third.example");
  EXPECT_THAT(settings->auth.issuers[1].read, ElementsAre());
  EXPECT_EQ(settings->sources.at("auth.issuers[0].write"), file.path().string() + ", line 9");
  const TempFile shown(show(*settings));
  const auto again = load(shown.path(), {}, {});
  ASSERT_TRUE(again) << again.error().detail() << show(*settings);
  ASSERT_EQ(again->auth.issuers.size(), 2U);
  EXPECT_EQ(again->auth.issuers[0].write, settings->auth.issuers[0].write);
  EXPECT_EQ(again->auth.main.read, settings->auth.main.read);
}

TEST(Issuers, AreCheckedLikeEveryOtherSetting) {
  const auto refused = [](const std::string& text) {
    const TempFile file(text);
    const auto settings = load(file.path(), {}, {});
    return settings ? std::string() : settings.error().detail();
  };
  EXPECT_THAT(refused("[[auth.issuers]]\nisuer = \"https://a\"\n"), HasSubstr("line 2: auth.issuers.isuer is no setting of an "
                                                                             "issuer; did you mean issuer?"));
  EXPECT_THAT(refused("[[auth.issuers]]\nalgorithms = [\"none\"]\n"), HasSubstr("\"none\" is none"));
  EXPECT_THAT(refused("[[auth.issuers]]\nkeys_pause = \"1s\"\n"), HasSubstr("no setting of an issuer"));
  EXPECT_THAT(refused("[auth]\nalgorithms = \"HS256\"\n"), HasSubstr("expected a list of texts of RS256"));
  EXPECT_THAT(refused("[auth]\nissuer = \"id.example\"\n"), HasSubstr("expected https://"));
  EXPECT_THAT(refused("[[http.listen]]\na = 1\n"), HasSubstr("[[http.listen]] is no section"));
}

TEST(Reference, HasEverySetting) {
  const auto text = settings_reference();
  for (const auto& info : all_settings()) {
    EXPECT_THAT(text, HasSubstr("`" + info.flag + "`"));
    EXPECT_THAT(text, HasSubstr("`" + info.environment + "`"));
  }
  EXPECT_THAT(text, HasSubstr("reject\\|replace\\|ignore"));
}

}  // namespace
}  // namespace gantry::config
