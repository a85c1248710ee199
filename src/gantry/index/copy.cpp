#include "gantry/index/copy.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <thread>

#include "gantry/index/sql/cells.hpp"
#include "gantry/index/sql/table_rows.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index {
namespace {

using sql::CellRow;
using sql::CellRows;
using sql::Table;

/// Tables with a truth of their own; the rows of dicom_term follow from them.
constexpr std::array<const Table*, 9> kCopied{&sql::kTenantTable,     &sql::kStudyTable, &sql::kStateTable,
                                              &sql::kImageTable,      &sql::kJsonTable,  &sql::kChangeTable,
                                              &sql::kDeleteQueueTable, &sql::kRecordTable, &sql::kAuditTable};
constexpr const char* kNoteName = "copy";
constexpr std::size_t kSmallRows = 2000;  ///< of the tables that are read for what they say
constexpr std::size_t kPageBytes = 8U << 20;
constexpr std::chrono::minutes kPageMost{5};
constexpr int kTriesMost = 5;
constexpr std::chrono::seconds kPause{1};

RequestContext context() {
  RequestContext ctx;
  ctx.principal = "index copy";
  ctx.deadline = Clock::now() + kPageMost;
  return ctx;
}

/// Tries again what a database that restarts does not answer.
template <class Work>
auto patiently(const Work& work) -> decltype(work()) {
  for (int attempt = 1;; ++attempt) {
    auto done = work();
    const bool again =
        !done && (done.error().kind() == ErrorKind::kUnavailable || done.error().kind() == ErrorKind::kTimeout);
    if (!again || attempt == kTriesMost) return done;
    std::this_thread::sleep_for(kPause * attempt);
  }
}

/// Of rows in any order: two sets of rows with different keys have the same only when they are the same.
struct Digest {
  std::uint64_t rows = 0;
  Sha256 sum{};
  bool operator==(const Digest&) const = default;

  void add(const CellRow& row) {
    std::string text;
    for (const sql::Cell& cell : row) {
      if (const auto* number = std::get_if<std::int64_t>(&cell)) {
        text.append("i").append(std::to_string(*number)).append(";");
      } else {
        const auto& bytes = std::get<std::string>(cell);
        text.append("s").append(std::to_string(bytes.size())).append(":").append(bytes);
      }
    }
    const Sha256 one = sha256(std::as_bytes(std::span(text)));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= one[i];
    ++rows;
  }
};

using Versions = std::map<std::string, std::int64_t>;  ///< tenant: change_no

/// Where a copy is, as the target's note keeps it.
struct Ledger {
  std::string source;
  Versions versions;  ///< of the source when the copy began
  std::size_t table = 0;
  std::string place;  ///< in that table
  std::array<Digest, kCopied.size()> digests;

  [[nodiscard]] std::uint64_t rows() const {
    std::uint64_t all = 0;
    for (const Digest& digest : digests) all += digest.rows;
    return all;
  }
};

std::string as_text(const Ledger& ledger) {
  // Places hold line ends, and nothing has a NUL.
  std::string text = "source\t" + ledger.source + "\ntable\t" + std::to_string(ledger.table) + "\nplace\t";
  for (const char c : ledger.place) text += c == '\n' ? '\t' : c;
  text += '\n';
  for (const auto& [tenant, version] : ledger.versions) {
    text += "version\t" + tenant + "\t" + std::to_string(version) + "\n";
  }
  for (const Digest& digest : ledger.digests) {
    text += "digest\t" + std::to_string(digest.rows) + "\t" + to_hex(digest.sum) + "\n";
  }
  return text;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_hex(std::string_view text, Sha256& bytes) {
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string_view two = text.substr(2 * i, 2);
    const auto [end, error] = std::from_chars(two.data(), two.data() + 2, bytes[i], 16);
    if (error != std::errc{} || end != two.data() + 2) return false;
  }
  return true;
}

Result<Ledger> ledger_of(const std::string& text) {
  const auto unreadable = [] { return Error::internal("the target's note about a copy can't be read"); };
  Ledger ledger;
  std::istringstream lines(text);
  std::string line;
  std::size_t digests = 0;
  while (std::getline(lines, line)) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos) return unreadable();
    const std::string name = line.substr(0, tab), value = line.substr(tab + 1);
    const auto second = value.find('\t');
    const std::string_view left = std::string_view(value).substr(0, second);
    const std::string_view right = second == std::string::npos ? "" : std::string_view(value).substr(second + 1);
    if (name == "source") {
      ledger.source = value;
    } else if (name == "table") {
      if (!read_number(value, ledger.table) || ledger.table > kCopied.size()) return unreadable();
    } else if (name == "place") {
      ledger.place = value;
      std::replace(ledger.place.begin(), ledger.place.end(), '\t', '\n');
    } else if (name == "version") {
      if (!read_number(right, ledger.versions[std::string(left)])) return unreadable();
    } else if (name == "digest" && digests < ledger.digests.size()) {
      Digest& digest = ledger.digests[digests++];
      if (!read_number(left, digest.rows) || !read_hex(right, digest.sum)) return unreadable();
    } else {
      return unreadable();
    }
  }
  if (digests != ledger.digests.size()) return unreadable();
  return ledger;
}

Result<std::string> note_of(const RequestContext& ctx, TableStore& store) {
  std::string place;
  do {
    GANTRY_LET(const auto page, store.read_page(ctx, sql::kNoteTable, place, kSmallRows, kPageBytes));
    for (const CellRow& row : page.rows) {
      if (sql::text_in(sql::kNoteTable, row, "name") == kNoteName) return sql::text_in(sql::kNoteTable, row, "text");
    }
    place = page.next;
  } while (!place.empty());
  return std::string();
}

/// One run of a copy.
class Copy {
 public:
  Copy(TableStore& from, TableStore& to, const std::function<bool(const CopyProgress&)>& told, std::size_t page_rows)
      : from_(from), to_(to), told_(told), page_rows_(page_rows) {}

  Result<CopyReport> run(const std::string& source) {
    GANTRY_LET(const std::string unfinished, unfinished_copy_of(context(), from_));
    if (!unfinished.empty()) {
      return Error::conflict("the source is itself the unfinished target of a copy from " + unfinished);
    }
    GANTRY_LET(const std::string note, patiently([&] { return note_of(context(), to_); }));
    GANTRY_LET(const Versions versions, versions_now());
    report_.resumed = !note.empty();
    if (note.empty()) {
      GANTRY_TRY(expect_empty());
      ledger_.source = source;
      ledger_.versions = versions;
      GANTRY_TRY(save(as_text(ledger_)));
    } else {
      GANTRY_LET(ledger_, ledger_of(note));
      if (ledger_.source != source) {
        return Error::conflict("the target is the unfinished target of a copy from " + ledger_.source +
                               ": finish that one, or take an empty database");
      }
    }
    GANTRY_TRY(copy_all(versions));
    GANTRY_TRY(verify_all());
    GANTRY_TRY(save(""));
    report_.tenants = ledger_.digests[0].rows;
    report_.studies = ledger_.digests[1].rows;
    report_.instances = ledger_.digests[3].rows;
    report_.rows = ledger_.rows();
    return report_;
  }

 private:
  Result<void> expect_empty() {
    for (const Table* table : kCopied) {
      GANTRY_LET(const auto page,
                 patiently([&] { return to_.read_page(context(), *table, "", page_rows_, kPageBytes); }));
      const bool empty = std::all_of(page.rows.begin(), page.rows.end(), [&](const CellRow& row) {
        // A tenant that nothing was ever stored in is what `serve` leaves in a new database.
        return table == &sql::kTenantTable && sql::number_in(*table, row, "change_no") == 0;
      });
      if (!empty) {
        return Error::conflict("the target is not empty: " + std::string(table->name) +
                               " has rows; a copy needs an empty database");
      }
    }
    return {};
  }

  Result<Versions> versions_now() {
    Versions versions;
    instances_most_ = 0;
    std::string place;
    do {
      GANTRY_LET(const auto page, patiently([&] {
                   return from_.read_page(context(), sql::kTenantTable, place, page_rows_, kPageBytes);
                 }));
      for (const CellRow& row : page.rows) {
        versions[sql::text_in(sql::kTenantTable, row, "tenant_id")] =
            sql::number_in(sql::kTenantTable, row, "change_no");
        instances_most_ += static_cast<std::uint64_t>(sql::number_in(sql::kTenantTable, row, "instances"));
      }
      place = page.next;
    } while (!place.empty());
    return versions;
  }

  Result<void> save(const std::string& text) {
    const CellRows rows{{std::string(kNoteName), text}};
    return patiently([&] { return to_.put_rows(context(), sql::kNoteTable, rows); });
  }

  Result<void> tell(CopyProgress::Phase phase, const Table& table, std::uint64_t rows, std::uint64_t instances) {
    if (told_({phase, table.name, rows, instances, instances_most_})) return {};
    return Error::unavailable("stopped; the same command goes on from here");
  }

  Result<void> expect_unchanged(const Versions& versions) const {
    if (versions == ledger_.versions) return {};
    return Error::conflict(
        "the source changed since the copy began: stop everything that writes to it, empty the target, and copy again");
  }

  Result<void> copy_all(const Versions& versions) {
    GANTRY_TRY(expect_unchanged(versions));
    for (; ledger_.table < kCopied.size(); ++ledger_.table) {
      const Table& table = *kCopied[ledger_.table];
      Digest& digest = ledger_.digests[ledger_.table];
      do {
        GANTRY_LET(const auto page,
                   patiently([&] { return from_.read_page(context(), table, ledger_.place, page_rows_, kPageBytes); }));
        GANTRY_TRY(patiently([&] { return to_.put_rows(context(), table, page.rows); }));
        for (const CellRow& row : page.rows) digest.add(row);
        ledger_.place = page.next;
        if (!page.next.empty()) GANTRY_TRY(save(as_text(ledger_)));
        GANTRY_TRY(tell(CopyProgress::Phase::kCopying, table, ledger_.rows(), ledger_.digests[3].rows));
      } while (!ledger_.place.empty());
      Ledger after = ledger_;
      ++after.table;
      GANTRY_TRY(save(as_text(after)));
    }
    GANTRY_LET(const Versions now, versions_now());
    return expect_unchanged(now);
  }

  Result<void> verify_all() {
    std::uint64_t rows = 0, instances = 0;
    for (std::size_t i = 0; i < kCopied.size(); ++i) {
      const Table& table = *kCopied[i];
      Digest found;
      std::string place;
      do {
        GANTRY_LET(const auto page,
                   patiently([&] { return to_.read_page(context(), table, place, page_rows_, kPageBytes); }));
        for (const CellRow& row : page.rows) found.add(row);
        rows += page.rows.size();
        if (i == 3) instances += page.rows.size();
        place = page.next;
        GANTRY_TRY(tell(CopyProgress::Phase::kVerifying, table, rows, instances));
      } while (!place.empty());
      if (found != ledger_.digests[i]) {
        return Error::internal("the target differs from the source in " + std::string(table.name) + ": " +
                               std::to_string(ledger_.digests[i].rows) + " rows were copied, " +
                               std::to_string(found.rows) +
                               " are there, and they are not the same; take an empty database and copy again");
      }
    }
    return {};
  }

  TableStore& from_;
  TableStore& to_;
  const std::function<bool(const CopyProgress&)>& told_;
  const std::size_t page_rows_;
  Ledger ledger_;
  CopyReport report_;
  std::uint64_t instances_most_ = 0;
};

}  // namespace

Result<CopyReport> copy_index(TableStore& from, const std::string& source, TableStore& to,
                              const std::function<bool(const CopyProgress&)>& told, std::size_t page_rows) {
  return Copy(from, to, told, page_rows).run(source);
}

Result<std::string> unfinished_copy_of(const RequestContext& ctx, TableStore& store) {
  GANTRY_LET(const std::string note, note_of(ctx, store));
  if (note.empty()) return std::string();
  GANTRY_LET(const Ledger ledger, ledger_of(note));
  return ledger.source;
}

}  // namespace gantry::index
