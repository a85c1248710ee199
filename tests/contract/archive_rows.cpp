#include "contract/archive_rows.hpp"

#include <algorithm>
#include <array>
#include <future>
#include <map>

#include "gantry/base/sha256.hpp"
#include "gantry/index/fields.hpp"
#include "gantry/index/sql/cells.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::contract {
namespace {

constexpr std::string_view kRoot = "1.2.826.0.1.3680043.8.498.";
constexpr std::string_view kNote = "archive_rows";
constexpr std::uint64_t kChunk = 1000;
constexpr std::chrono::sys_days kBegin{std::chrono::year{2011} / 1 / 1};
constexpr std::chrono::hours kSpan{24 * 365 * 15};

/// SplitMix64: good enough to spread things, and the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool percent(unsigned of) { return below(100) < of; }
  template <class T, std::size_t N>
  const T& one_of(const std::array<T, N>& values) {
    return values[below(N)];
  }
  Sha256 digest() {
    Sha256 digest{};
    for (std::size_t i = 0; i < digest.size(); i += 8) {
      const std::uint64_t bits = next();
      for (std::size_t b = 0; b < 8; ++b) digest[i + b] = static_cast<std::uint8_t>(bits >> (8 * b));
    }
    return digest;
  }

 private:
  std::uint64_t state_;
};

/// The dice of a study, another set for each purpose, so that one may be asked without the others.
enum class Purpose : std::uint64_t { kTenant = 1, kContent, kJson };
Dice dice_for(std::uint64_t seed, std::uint64_t study, Purpose purpose) {
  Dice mixed(seed * 0x100000001B3U + static_cast<std::uint64_t>(purpose));
  return Dice(mixed.next() ^ (study * 0xD1342543DE82EF95U + 1));
}

struct ModalityKind {
  std::string_view modality, sop_class;
  std::array<std::string_view, 5> descriptions;
  unsigned share;  ///< in percent
};
constexpr std::array<ModalityKind, 7> kModalities{{
    {"DX", "1.2.840.10008.5.1.4.1.1.1.1", {"Thorax pa", "Hand links", "Becken", "Knie rechts", "Chest 2 views"}, 30},
    {"CT", "1.2.840.10008.5.1.4.1.1.2", {"CT Abdomen", "CT Thorax", "CT Schädel nativ", "CT Angio", "CT Becken"}, 25},
    {"MR", "1.2.840.10008.5.1.4.1.1.4", {"MRT Kopf", "MR Lumbar Spine", "MRT Knie", "MR Prostate", "MRCP"}, 20},
    {"US", "1.2.840.10008.5.1.4.1.1.6.1", {"Sono Abdomen", "US Thyroid", "Duplex", "Echo", "US Pelvis"}, 15},
    {"MG", "1.2.840.10008.5.1.4.1.1.1.2", {"Mammographie", "Screening", "MG diagnostic", "Tomo", "MG left"}, 5},
    {"PT", "1.2.840.10008.5.1.4.1.1.128", {"PET/CT FDG", "PET/CT PSMA", "PET Brain", "PET/CT", "PET Heart"}, 3},
    {"XA", "1.2.840.10008.5.1.4.1.1.12.1", {"Koronarangiographie", "PTA", "TIPS", "XA Cerebral", "PTCA"}, 2},
}};
constexpr std::array<std::string_view, 32> kSyllables{
    "Ba", "Ber", "Bo",  "Da", "De",  "Do", "Fi", "Ga", "Ge", "Ha",  "Her", "Jo", "Ka", "Ke", "Kö", "La",
    "Le", "Lo",  "Mai", "Me", "Mül", "Na", "Ne", "O",  "Pe", "Rei", "Ro",  "Sa", "Si", "Ta", "Wa", "Zim"};
constexpr std::array<std::string_view, 12> kGiven{"Anna",  "Ben",  "Clara", "David", "Emma",   "Felix",
                                                  "Greta", "Hugo", "Ida",   "Jonas", "Jürgen", "Katharina"};
constexpr std::array<std::string_view, 8> kBodyParts{"CHEST", "ABDOMEN", "HEAD", "KNEE", "HAND", "PELVIS", "SPINE", ""};
constexpr std::array<std::string_view, 6> kSeriesKinds{"axial", "coronal", "sagittal", "Topogramm", "T2 TSE", "nativ"};

std::string date_text(std::chrono::sys_days day) {
  const std::chrono::year_month_day ymd(day);
  const auto number = static_cast<int>(ymd.year()) * 10000 + static_cast<int>(static_cast<unsigned>(ymd.month())) * 100 +
                      static_cast<int>(static_cast<unsigned>(ymd.day()));
  return std::to_string(number);
}

std::string time_text(std::uint64_t second) {
  return std::to_string(1'000'000 + second / 3600 * 10'000 + second / 60 % 60 * 100 + second % 60).substr(1);
}

std::string padded(std::uint64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  return text.size() < digits ? text.insert(0, digits - text.size(), '0') : text;
}

void set_patient(dicom::QidoAttributes& a, std::uint64_t seed, std::uint64_t patient) {
  Dice dice(seed ^ (patient + 1) * 0x2545F4914F6CDD1DU);
  a.patient_id = "P" + padded(patient, 7);
  a.patient_name.append(dice.one_of(kSyllables)).append(dice.one_of(kSyllables)).append(dice.one_of(kSyllables));
  a.patient_name.append("^").append(dice.one_of(kGiven));
  a.patient_sex = dice.percent(50) ? "F" : "M";
  a.patient_birth_date = date_text(std::chrono::sys_days{std::chrono::year{1930} / 1 / 1} +
                                   std::chrono::days(dice.below(80 * 365)));
}

std::string key_of(const TenantId& tenant, const std::string& study_hash, const std::string& series_hash, Dice& dice,
                   std::string_view suffix) {
  std::string key = tenant.str() + "/" + study_hash + "/" + series_hash + "/" + to_hex(dice.digest()) + "-";
  const Sha256 random = dice.digest();
  return key.append(to_hex(std::span(random).first(16))).append(suffix);
}

/// A row of `table` by the names of its columns; what is not named is 0 or "".
sql::CellRow row_of(const sql::Table& table, const std::map<std::string_view, sql::Cell>& cells) {
  sql::CellRow row;
  for (const sql::Column& column : table.columns) {
    const bool number = column.type == sql::ColumnType::kInteger || column.type == sql::ColumnType::kTime;
    row.push_back(number ? sql::Cell(std::int64_t{0}) : sql::Cell(std::string()));
  }
  for (const auto& [name, cell] : cells) row[static_cast<std::size_t>(sql::column_of(table, name))] = cell;
  return row;
}

void set_number(const sql::Table& table, sql::CellRow& row, std::string_view column, std::int64_t value) {
  row[static_cast<std::size_t>(sql::column_of(table, column))] = value;
}

}  // namespace

std::span<const TenantId> Archive::tenants() {
  static const std::array<TenantId, 4> kTenants{TenantId("hospital"), TenantId("clinic"), TenantId("practice"),
                                                TenantId("research")};
  return kTenants;
}

std::size_t Archive::tenant_of(std::uint64_t study) const {
  const std::uint64_t roll = dice_for(seed_, study, Purpose::kTenant).below(100);
  return roll < 60 ? 0 : roll < 85 ? 1 : roll < 95 ? 2 : 3;
}

StudyUid Archive::uid_of(std::uint64_t study) { return StudyUid(std::string(kRoot) + std::to_string(10'000'000 + study)); }

Timestamp Archive::arrival_of(std::uint64_t study) const {
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(kSpan);
  return Timestamp(kBegin) + std::chrono::microseconds(whole / static_cast<std::int64_t>(studies_) *
                                                       static_cast<std::int64_t>(study));
}

std::vector<InstanceRecord> Archive::instances_of(std::uint64_t study) const {
  Dice dice = dice_for(seed_, study, Purpose::kContent);
  const TenantId& tenant = tenants()[tenant_of(study)];
  InstanceRecord record;
  record.study = uid_of(study);
  record.persist_began = Clock::now();
  dicom::QidoAttributes& a = record.attributes;
  set_patient(a, seed_, dice.below(studies_ / 3 + 1));
  // Most are from the days before they arrived; some were brought along from elsewhere.
  const auto arrived = std::chrono::floor<std::chrono::days>(arrival_of(study));
  a.study_date = date_text(arrived - std::chrono::days(dice.percent(8) ? dice.below(3000) : dice.below(2)));
  a.study_time = time_text(7 * 3600 + dice.below(12 * 3600));
  a.accession_number = "A" + padded(study, 9);
  a.study_id = std::to_string(study % 100'000);
  a.referring_physician_name.append(dice.one_of(kSyllables)).append(dice.one_of(kSyllables)).append("^Dr");
  std::uint64_t roll = dice.below(100);
  std::size_t kind = 0;
  while (roll >= kModalities[kind].share) roll -= kModalities[kind++].share;
  a.study_description = dice.one_of(kModalities[kind].descriptions);
  a.patient_age = dice.percent(70) ? padded(20 + dice.below(70), 3) + "Y" : "";
  const std::string study_hash = uid_hash(record.study.view());
  const std::uint64_t series_count = 1 + dice.below(3);
  std::vector<InstanceRecord> all;
  for (std::uint64_t s = 1; s <= series_count; ++s) {
    record.series = SeriesUid(record.study.str() + "." + std::to_string(s));
    // PET comes with CT, and a series in fifty is a report or a capture.
    const bool with_ct = kModalities[kind].modality == "PT" && s > 1;
    const ModalityKind& made_by = with_ct ? kModalities[1] : kModalities[kind];
    const bool report = dice.below(50) == 0;
    a.modality = report ? "SR" : made_by.modality;
    record.sop_class = report ? "1.2.840.10008.5.1.4.1.1.88.33" : made_by.sop_class;
    record.transfer_syntax = dice.percent(20) ? "1.2.840.10008.1.2.4.90" : "1.2.840.10008.1.2.1";
    a.series_number = std::to_string(s);
    a.series_date = a.study_date;
    a.series_time = a.study_time;
    a.series_description = dice.one_of(kSeriesKinds);
    a.body_part_examined = dice.one_of(kBodyParts);
    a.protocol_name = dice.percent(50) ? a.study_description : "";
    a.performed_procedure_step_start_date = dice.percent(60) ? a.study_date : "";
    a.requested_procedure_ids = dice.percent(30) ? "RP" + std::to_string(study) : "";
    const std::string series_hash = uid_hash(record.series.view());
    const std::uint64_t instance_count = report ? 1 : 1 + dice.below(9);
    for (std::uint64_t i = 1; i <= instance_count; ++i) {
      record.sop = SopUid(record.series.str() + "." + std::to_string(i));
      a.instance_number = std::to_string(i);
      a.rows = a.columns = report ? "" : "512";
      a.bits_allocated = report ? "" : "16";
      a.content_date = a.study_date;
      a.content_time = a.study_time;
      record.object_key = ObjectKey(key_of(tenant, study_hash, series_hash, dice, ".dcm"));
      record.size = 1000 + dice.below(1'000'000);
      record.file_sha256 = dice.digest();
      record.dataset_sha256 = dice.digest();
      record.frame_index = std::string("\1\0\0\0\0\2\0\0\0\10\0\0", 12);
      all.push_back(record);
    }
  }
  return all;
}

void ArchiveRows::count(const std::vector<InstanceRecord>& instances, std::size_t tenant) {
  TenantTotals& totals = totals_[tenant];
  ++totals.studies;
  const SeriesUid* last = nullptr;
  for (const InstanceRecord& record : instances) {
    if (last == nullptr || *last != record.series) ++totals.series;
    last = &record.series;
    ++totals.instances;
    ++totals.change_no;
    totals.bytes += record.size;
  }
}

void ArchiveRows::skip() {
  count(archive_.instances_of(next_), archive_.tenant_of(next_));
  ++next_;
}

void ArchiveRows::take(Rows& rows) {
  const std::size_t owner = archive_.tenant_of(next_);
  const TenantId& tenant = Archive::tenants()[owner];
  const std::vector<InstanceRecord> instances = archive_.instances_of(next_);
  const Timestamp now = archive_.arrival_of(next_);
  std::uint64_t version = totals_[owner].change_no;

  // As sql::CommitRun counts them in, for a study that is new.
  sql::StudyState study;
  study.created = now;
  std::vector<sql::SeriesState> all_series;
  for (const InstanceRecord& record : instances) {
    ++version;
    if (all_series.empty() || all_series.back().state.series_uid != record.series.str()) {
      StateRow& state = all_series.emplace_back().state;
      state.tenant_id = tenant.str();
      state.study_uid = record.study.str();
      state.series_uid = record.series.str();
      state.study_uid_hash = uid_hash(state.study_uid);
      state.series_uid_hash = uid_hash(state.series_uid);
      state.created_time = state.updated_time = now;
      ++study.series;
    }
    sql::SeriesState& series = all_series.back();
    if (study.instances++ == 0) {
      study.first_series = record.series.str();
      study.first_sop = record.sop.str();
    }
    if (series.instances++ == 0) series.first_sop = record.sop.str();
    series.state.series_related_instances = series.instances;
    series.state.version = study.version = version;
    fill_attributes(Level::kStudy, study.attributes, record.attributes);
    fill_state(series.state, record.attributes);
    fill_attributes(Level::kSeries, series.attributes, record.attributes);
    for (auto& modality : split_values(series.state.modality)) study.modalities.insert(std::move(modality));
    rows.instances.push_back(sql::instance_cells(tenant, record, version, now));
    rows.changes.push_back(
        sql::change_cells(tenant, {version, Change::Action::kStored, record.study, record.series, record.sop, now}));
  }
  rows.studies.push_back(sql::study_cells(tenant, Archive::uid_of(next_).str(), study, now));

  Dice dice = dice_for(archive_.seed(), next_, Purpose::kJson);
  for (const sql::SeriesState& series : all_series) {
    const StateRow& state = series.state;
    const bool due = dice.percent(3), never = dice.percent(50);
    sql::CellRow& row = rows.series.emplace_back(sql::series_cells(series));
    if (!due) set_number(sql::kStateTable, row, "json_due", 0);
    if (due && never) continue;
    const auto rendered = static_cast<std::int64_t>(due ? state.version - 1 : state.version);
    rows.jsons.push_back(row_of(sql::kJsonTable, {
        {"tenant_id", state.tenant_id},
        {"study_uid", state.study_uid},
        {"series_uid", state.series_uid},
        {"study_uid_hash", state.study_uid_hash},
        {"series_uid_hash", state.series_uid_hash},
        {"study_date_origin", state.study_date_origin},
        {"created_time", sql::micros(now)},
        {"flag_time", sql::micros(now)},
        {"json_status", std::int64_t{1}},
        {"version", rendered},
        {"object_key", key_of(tenant, state.study_uid_hash, state.series_uid_hash, dice, ".json")},
    }));
  }
  if (next_ % 500 == 0) {  // objects that were replaced, half of them long ago
    const std::string hash = uid_hash(Archive::uid_of(next_).view());
    const auto due = next_ % 1000 == 0 ? now : Timestamp(std::chrono::sys_days{std::chrono::year{2100} / 1 / 1});
    rows.queue.push_back(sql::queue_cells(tenant, key_of(tenant, hash, hash, dice, ".dcm"), due));
  }
  count(instances, owner);
  ++next_;
}

sql::CellRows ArchiveRows::tenants() const {
  sql::CellRows rows;
  for (std::size_t i = 0; i < totals_.size(); ++i) {
    const TenantTotals& totals = totals_[i];
    const auto number = [](std::uint64_t value) { return sql::Cell(static_cast<std::int64_t>(value)); };
    rows.push_back(row_of(sql::kTenantTable, {
        {"tenant_id", Archive::tenants()[i].str()},
        {"state", static_cast<std::int64_t>(TenantState::kActive)},
        {"change_no", number(totals.change_no)},
        {"bytes", number(totals.bytes)},
        {"instances", number(totals.instances)},
        {"studies", number(totals.studies)},
        {"series", number(totals.series)},
        {"created_time", sql::micros(Timestamp(kBegin))},
    }));
  }
  return rows;
}

namespace {

/// What is noted of a fill: "SEED STUDIES NEXT".
std::string note_of(const Archive& archive) {
  return std::to_string(archive.seed()) + " " + std::to_string(archive.studies()) + " ";
}

Result<std::string> read_note(TableStore& store) {
  const RequestContext ctx;
  std::string from;
  do {
    GANTRY_LET(TableStore::Page page, store.read_page(ctx, sql::kNoteTable, from, 100, 1 << 20));
    for (const sql::CellRow& row : page.rows) {
      if (sql::text_in(sql::kNoteTable, row, "name") == kNote) return sql::text_in(sql::kNoteTable, row, "text");
    }
    from = page.next;
  } while (!from.empty());
  return std::string();
}

struct Chunk {
  ArchiveRows::Rows rows;
  sql::CellRows tenants;
  std::uint64_t next = 0;
};

Chunk next_chunk(ArchiveRows& source, std::uint64_t studies) {
  Chunk chunk;
  for (std::uint64_t i = 0; i < kChunk && source.taken() < studies; ++i) source.take(chunk.rows);
  chunk.tenants = source.tenants();
  chunk.next = source.taken();
  return chunk;
}

Result<void> write_chunk(TableStore& store, const Chunk& chunk, const std::string& note) {
  const RequestContext ctx;
  const ArchiveRows::Rows& rows = chunk.rows;
  // Instances are half of the work, and a database behind a network does it beside the rest.
  auto instances =
      std::async(std::launch::async, [&] { return store.put_rows(ctx, sql::kImageTable, rows.instances); });
  const auto others = [&]() -> Result<void> {
    GANTRY_TRY(store.put_rows(ctx, sql::kStudyTable, rows.studies));
    GANTRY_TRY(store.put_rows(ctx, sql::kStateTable, rows.series));
    GANTRY_TRY(store.put_rows(ctx, sql::kJsonTable, rows.jsons));
    GANTRY_TRY(store.put_rows(ctx, sql::kChangeTable, rows.changes));
    return store.put_rows(ctx, sql::kDeleteQueueTable, rows.queue);
  };
  const Result<void> done = others();
  GANTRY_TRY(instances.get());
  GANTRY_TRY(done);
  GANTRY_TRY(store.put_rows(ctx, sql::kTenantTable, chunk.tenants));
  const sql::CellRow noted =
      row_of(sql::kNoteTable, {{"name", std::string(kNote)}, {"text", note + std::to_string(chunk.next)}});
  return store.put_rows(ctx, sql::kNoteTable, {noted});
}

}  // namespace

Result<void> fill(TableStore& store, const Archive& archive, const std::function<void(std::uint64_t)>& told) {
  const std::string note = note_of(archive);
  GANTRY_LET(const std::string noted, read_note(store));
  ArchiveRows source(archive);
  if (!noted.empty()) {
    if (!noted.starts_with(note)) {
      return Error::invalid("an archive of another seed or size was begun here (seed, studies, next): " + noted);
    }
    const std::uint64_t done = std::stoull(noted.substr(note.size()));
    while (source.taken() < done) source.skip();
  }
  Chunk chunk = next_chunk(source, archive.studies());
  while (chunk.rows.studies.size() > 0) {
    auto made = std::async(std::launch::async, [&] { return next_chunk(source, archive.studies()); });
    const Result<void> written = write_chunk(store, chunk, note);
    const std::uint64_t next = chunk.next;
    chunk = made.get();
    GANTRY_TRY(written);
    if (told) told(next);
  }
  return {};
}

}  // namespace gantry::index::contract
