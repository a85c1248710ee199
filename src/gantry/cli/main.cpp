// The `gantry` command.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <CLI/CLI.hpp>

#include "gantry/cli/store_command.hpp"

namespace gantry::cli {
namespace {

constexpr const char* kStoreFooter = R"(Examples:
  gantry store ~/images --to http://127.0.0.1:8080/dicom-web
  gantry store ct/ mr/ one.dcm --to https://pacs.example/dicom-web --token "$TOKEN" --parallel 16
  gantry store ~/images --to http://127.0.0.1:8080/dicom-web --report outcome.jsonl

Every file is sent as it is; the server decides what it takes, and its reasons are shown. What was sent is noted in a
ledger, so the same command sends only what is missing or has changed. Busy servers and broken connections are tried
again. Exit status: 0 every file was accepted, 1 some were refused or failed, 2 it could not work.)";

void add_store(CLI::App& app, StoreOptions& options) {
  auto& store = *app.add_subcommand("store", "Send files and folders to a DICOMweb server (STOW-RS)");
  store.add_option("paths", options.paths, "Files and folders; folders are walked in the order of their names")
      ->required()->type_name("DIR|FILE");
  store.add_option("--to", options.to, "The server's DICOMweb root, e.g. http://127.0.0.1:8080/dicom-web")
      ->required()->type_name("URL");
  store.add_option("--parallel", options.parallel, "Requests at a time")->capture_default_str()->check(CLI::Range(1, 256));
  store.add_option("--token", options.token, "Bearer token")->envname("GANTRY_STORE_TOKEN");
  store.add_option("--ca", options.ca_file, "Authorities to trust instead of the system's (PEM)")->type_name("FILE");
  store.add_option("--report", options.report, "Write what became of every file, a JSON object a line")->type_name("FILE");
  store.add_option("--ledger", options.ledger, "Where what was sent is noted (default: a file per server under ~/.local/state/gantry)")
      ->type_name("FILE");
  store.add_flag("--fresh", options.fresh, "Forget what earlier runs sent");
  store.add_flag("--retry-refused", options.retry_refused, "Send again what was refused earlier");
  store.add_flag("-q,--quiet", options.quiet, "No progress");
  store.footer(kStoreFooter);
}

}  // namespace
}  // namespace gantry::cli

int main(int argc, char** argv) {
  CLI::App app{"Gantry, a DICOMweb archive"};
  gantry::cli::StoreOptions store;
  gantry::cli::add_store(app, store);
  CLI11_PARSE(app, argc, argv);
  return gantry::cli::run_store(store);
}
