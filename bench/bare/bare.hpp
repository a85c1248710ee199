#pragma once

// A database of the benchmark's own, as somebody would use it who wrote its statements by hand, on the tables that the
// index made there. Ends the program with a message when something fails.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gantry/index/instance_index.hpp"

namespace bare {

/// The tenant of all rows.
inline constexpr const char* kTenant = "bench";
/// A page of studies, newest first: what a list shows, and its order.
inline constexpr std::string_view kPageColumns =
    "SELECT study_uid, modalities_in_study, study_related_series, study_related_instances, version, created_time, "
    "updated_time, patient_id, patient_name, patient_sex, patient_birth_date, patient_birth_time, patient_age, "
    "patient_size, patient_weight, study_date, study_time, accession_number, study_id, study_description, "
    "referring_physician_name, timezone_offset FROM dicom_study_meta WHERE tenant_id = 'bench' ";
inline constexpr std::string_view kPageOrder = " ORDER BY study_date_key DESC, study_time_key DESC, study_uid LIMIT 25";
inline constexpr std::string_view kLocateColumns =
    "SELECT sop_class, transfer_syntax, version, object_key, size, file_sha256, frame_index, instance_number, "
    "number_of_frames, image_rows, image_columns, bits_allocated, content_date, content_time FROM dicom_image_meta ";
inline constexpr std::string_view kInsertColumns =
    "INSERT INTO dicom_image_meta (tenant_id, study_uid, series_uid, sop_uid, sop_class, transfer_syntax, "
    "instance_number, version, created_time, object_key, size, file_sha256, dataset_sha256, frame_index, attributes) "
    "VALUES ";

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

/// One connection.
class Client {
 public:
  virtual ~Client() = default;
  /// Each gives the number of rows.
  virtual std::size_t page() = 0;
  virtual std::size_t page_of_dates(const std::string& first, const std::string& last) = 0;
  virtual std::size_t locate(const std::string& study, const std::string& series, const std::string& sop) = 0;
  /// Inserts the instances of one study and their changes, and adds to its study's, series' and tenant's numbers: one
  /// transaction where there are any. Their versions begin with `version`.
  virtual void insert(std::span<const gantry::index::InstanceRecord> batch, std::uint64_t version) = 0;
};

class Database {
 public:
  virtual ~Database() = default;
  virtual std::unique_ptr<gantry::index::InstanceIndex> open_index() = 0;
  /// After the index made its tables.
  virtual std::unique_ptr<Client> connect() = 0;
  /// After many rows.
  virtual void analyze() = 0;
};

std::unique_ptr<Database> open_postgres();  ///< on the server of POSTGRES_URL
std::unique_ptr<Database> open_mysql();     ///< MYSQL_URL
std::unique_ptr<Database> open_mongo();     ///< MONGO_URL

}  // namespace bare
