#include "gantry/index/postgres/binary.hpp"

#include <algorithm>

#include "gantry/index/postgres/text.hpp"

namespace gantry::index::postgres {
namespace {

// pg_type.dat; fixed for all versions.
constexpr Oid kBool = 16, kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25, kTimestamptz = 1184;
constexpr Oid kByteaArray = 1001, kInt8Array = 1016, kTextArray = 1009, kTimestamptzArray = 1185;

/// Its epoch is 2000-01-01.
constexpr std::int64_t kEpochMicros = 946'684'800'000'000;
/// What a timestamptz can be: 4713 BC to 294276 AD.
constexpr std::int64_t kLeastMicros = -211'813'488'000'000'000, kMostMicros = 9'223'371'331'199'999'999;

void append_int32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

void append_int64(std::string& out, std::uint64_t value) {
  append_int32(out, static_cast<std::uint32_t>(value >> 32));
  append_int32(out, static_cast<std::uint32_t>(value));
}

void set_int32(std::string& out, std::size_t at, std::size_t value) {
  for (int i = 0; i < 4; ++i) out[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
}

std::uint64_t read_unsigned(const char* bytes, int length) {
  std::uint64_t value = 0;
  for (int i = 0; i < length; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void append_time(std::string& out, std::int64_t micros) {
  // Far times are kept as far as the type goes; they order the same.
  const std::int64_t moved = micros < INT64_MIN + kEpochMicros ? INT64_MIN : micros - kEpochMicros;
  append_int64(out, static_cast<std::uint64_t>(std::clamp(moved, kLeastMicros, kMostMicros)));
}

Oid element_of(sql::ColumnType type) {
  switch (type) {
    case sql::ColumnType::kUid:
    case sql::ColumnType::kText:
    case sql::ColumnType::kKey: return kText;
    case sql::ColumnType::kInteger: return kInt8;
    case sql::ColumnType::kTime: return kTimestamptz;
    case sql::ColumnType::kBlob: break;
  }
  return kBytea;
}

Oid array_of(Oid element) {
  switch (element) {
    case kText: return kTextArray;
    case kInt8: return kInt8Array;
    case kTimestamptz: return kTimestamptzArray;
    default: return kByteaArray;
  }
}

/// An array's element: its length, then what `write` appends.
template <class Write>
void append_element(std::string& out, Write write) {
  const std::size_t at = out.size();
  append_int32(out, 0);
  write();
  set_int32(out, at, out.size() - at - 4);
}

}  // namespace

void Parameters::add(Oid type, std::size_t begin) {
  types_.push_back(type);
  lengths_.push_back(static_cast<int>(bytes_.size() - begin));
  formats_.push_back(1);
}

void Parameters::add_array(Oid element_type, std::size_t count) {
  append_int32(bytes_, count == 0 ? 0 : 1);  // dimensions
  append_int32(bytes_, 0);                   // no NULLs
  append_int32(bytes_, element_type);
  if (count == 0) return;
  append_int32(bytes_, static_cast<std::uint32_t>(count));
  append_int32(bytes_, 1);  // the first index
}

Parameters::Parameters(const std::vector<sql::Value>& values) {
  for (const sql::Value& value : values) {
    const std::size_t begin = bytes_.size();
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      append_int64(bytes_, static_cast<std::uint64_t>(*integer));
      add(kInt8, begin);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      append_encoded(bytes_, *text);
      add(kText, begin);
    } else if (const auto* time = std::get_if<Timestamp>(&value)) {
      append_time(bytes_, sql::micros(*time));
      add(kTimestamptz, begin);
    } else if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      add_array(kText, list->size());
      for (const std::string& each : *list) append_element(bytes_, [&] { append_encoded(bytes_, each); });
      add(kTextArray, begin);
    } else {
      const auto& [type, rows, column] = std::get<sql::CellColumn>(value);
      const Oid element = element_of(type);
      add_array(element, rows->size());
      for (const sql::CellRow& row : *rows) {
        append_element(bytes_, [&, &cell = row[column]] {
          if (element == kInt8) {
            append_int64(bytes_, static_cast<std::uint64_t>(std::get<std::int64_t>(cell)));
          } else if (element == kTimestamptz) {
            append_time(bytes_, std::get<std::int64_t>(cell));
          } else if (element == kText) {
            append_encoded(bytes_, std::get<std::string>(cell));
          } else {
            bytes_ += std::get<std::string>(cell);
          }
        });
      }
      add(array_of(element), begin);
    }
  }
  // The bytes stay where they are from here on.
  std::size_t at = 0;
  for (const int length : lengths_) {
    pointers_.push_back(bytes_.data() + at);
    at += static_cast<std::size_t>(length);
  }
}

std::string_view BinaryRows::view(std::size_t row, int column) const {
  const int at = static_cast<int>(row);
  const std::string_view stored(PQgetvalue(answer_.get(), at, column),
                                static_cast<std::size_t>(PQgetlength(answer_.get(), at, column)));
  if (PQftype(answer_.get(), column) == kBytea || !is_encoded(stored)) return stored;
  return decoded_.emplace_back(decoded(stored));
}

std::int64_t BinaryRows::integer(std::size_t row, int column) const {
  const int at = static_cast<int>(row);
  const int length = PQgetlength(answer_.get(), at, column);
  const std::uint64_t value = read_unsigned(PQgetvalue(answer_.get(), at, column), std::min(length, 8));
  if (PQftype(answer_.get(), column) == kInt4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  static_assert(kBool == 16);  // one byte: 0 or 1
  return static_cast<std::int64_t>(value);
}

Timestamp BinaryRows::time(std::size_t row, int column) const {
  const std::int64_t micros = integer(row, column);
  // The farthest times it has are beyond ours.
  return sql::timestamp(micros > INT64_MAX - kEpochMicros ? INT64_MAX : micros + kEpochMicros);
}

}  // namespace gantry::index::postgres
