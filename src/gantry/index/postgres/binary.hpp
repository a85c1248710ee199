#pragma once

// Parameters and results in PostgreSQL's binary format.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "gantry/base/handle.hpp"
#include "gantry/index/sql/session.hpp"

namespace gantry::index::postgres {

using Answer = Handle<PGresult, &PQclear>;

/// The parameters of one statement, as libpq takes them.
class Parameters {
 public:
  explicit Parameters(const std::vector<sql::Value>& values);
  [[nodiscard]] int count() const noexcept { return static_cast<int>(types_.size()); }
  [[nodiscard]] const Oid* types() const noexcept { return types_.data(); }
  [[nodiscard]] const char* const* values() const noexcept { return pointers_.data(); }
  [[nodiscard]] const int* lengths() const noexcept { return lengths_.data(); }
  [[nodiscard]] const int* formats() const noexcept { return formats_.data(); }

 private:
  void add(Oid type, std::size_t begin);
  void add_array(Oid element_type, std::size_t count);
  std::string bytes_;
  std::vector<Oid> types_;
  std::vector<int> lengths_, formats_;
  std::vector<const char*> pointers_;
};

class BinaryRows final : public sql::RowSet {
 public:
  explicit BinaryRows(Answer answer) : answer_(std::move(answer)) {}
  [[nodiscard]] std::size_t size() const override { return static_cast<std::size_t>(PQntuples(answer_.get())); }
  /// What the set takes in memory.
  [[nodiscard]] std::size_t bytes() const { return PQresultMemorySize(answer_.get()); }
  [[nodiscard]] std::string_view view(std::size_t row, int column) const override;
  [[nodiscard]] std::int64_t integer(std::size_t row, int column) const override;
  [[nodiscard]] Timestamp time(std::size_t row, int column) const override;

 private:
  Answer answer_;
  mutable std::deque<std::string> decoded_;  ///< what view() gives of text that was spelled; one thread reads a set
};

}  // namespace gantry::index::postgres
