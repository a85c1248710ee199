#include "gantry/cli/migrate_command.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

#include "gantry/config/urls.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::cli {
namespace {

using index::SchemaState;
using index::SchemaStep;

constexpr std::chrono::seconds kStateMost{30};
/// Indexes over many rows take their time; a migrator that waits for another one waits as long.
constexpr std::chrono::hours kMigrateMost{24};

int could_not(const Error& error) {
  std::fprintf(stderr, "gantry migrate: %s\n", error.detail().c_str());
  return 2;
}

std::string day_and_time(index::Timestamp time) {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string version_of(int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); }

void print_state(const std::string& url, const SchemaState& state) {
  std::printf("%s\n", url.c_str());
  if (state.applied.empty()) std::printf("  no schema yet\n");
  for (const auto& applied : state.applied) {
    std::printf("  %3u  schema %-5s applied %s UTC\n", applied.number, version_of(applied.major, applied.minor).c_str(),
                day_and_time(applied.time).c_str());
  }
  for (const auto& step : state.pending) {
    std::printf("  %3u  schema %-5s pending: %s\n", step.number, version_of(step.major, step.minor).c_str(),
                step.title.c_str());
  }
}

void print_statements(const SchemaState& state) {
  for (const SchemaStep& step : state.pending) {
    std::printf("-- %u, schema %s: %s\n", step.number, version_of(step.major, step.minor).c_str(), step.title.c_str());
    for (const auto& statement : step.statements) std::printf("%s;\n", statement.c_str());
  }
}

}  // namespace

int run_migrate(const config::Settings& settings, const MigrateOptions& options) {
  const auto admin = server::open_schema(settings);
  if (!admin) return could_not(admin.error());
  const auto before = (*admin)->state(Clock::now() + kStateMost);
  if (!before) return could_not(before.error());
  const std::string url = config::redact_url(settings.index.url);
  if (options.status) print_state(url, *before);
  if (before->is_newer_major()) return could_not(index::check_schema(*before).error());
  if (options.status) return before->pending.empty() ? 0 : 1;
  if (options.dry_run) {
    print_statements(*before);
    if (before->pending.empty()) std::printf("-- nothing is to be done: the schema of %s is up to date\n", url.c_str());
    return before->pending.empty() ? 0 : 1;
  }
  const auto done = (*admin)->migrate(Clock::now() + kMigrateMost, [](const SchemaStep& step) {
    std::printf("%u: %s (schema %s)\n", step.number, step.title.c_str(), version_of(step.major, step.minor).c_str());
    std::fflush(stdout);
  });
  if (!done) return could_not(done.error());
  const auto after = (*admin)->state(Clock::now() + kStateMost);
  if (!after) return could_not(after.error());
  std::printf("the schema of %s is up to date (%s)\n", url.c_str(), version_of(after->major(), after->minor()).c_str());
  return 0;
}

}  // namespace gantry::cli
