#pragma once

#include "gantry/index/mysql/pool.hpp"
#include "gantry/index/sql/session.hpp"

namespace gantry::index::mysql {

/// A connection on loan as sql::Session, with a deadline and a time to spend.
class MysqlSession final : public sql::Session {
 public:
  enum class Mode { kRead, kWrite };
  MysqlSession(Pool& pool, Connection& connection, Mode mode, Deadline deadline);

  [[nodiscard]] const sql::NetworkDialect& dialect() const override;
  void hold_snapshot() override { snapshot_ = true; }
  Result<std::vector<sql::Rows>> run(std::span<const sql::Text> statements) override;
  Result<void> run_and_commit(std::span<const sql::Text> statements) override;
  Result<bool> run_unless_refused(const sql::Text& statement, std::string& why) override;
  Result<void> stream(const sql::Text& statement, const std::function<bool(const sql::RowRef&)>& visit) override;
  [[nodiscard]] bool refused() const override { return connection_.failure() == Connection::Failure::kRefused; }

  /// Ends a transaction that is still open: keeps nothing that was not committed.
  void end();
  [[nodiscard]] bool delivered() const noexcept { return delivered_; }
  [[nodiscard]] bool commit_was_sent() const noexcept { return commit_sent_; }

 private:
  Result<std::vector<sql::Rows>> exchange(std::span<const sql::Text> statements, bool ends);
  [[nodiscard]] Deadline deadline() const;

  Pool& pool_;
  Connection& connection_;
  Mode mode_;
  Deadline request_;
  Clock::duration left_;  ///< what statements may still take; the time between them is not theirs
  bool snapshot_ = false, begun_ = false, delivered_ = false, commit_sent_ = false;
};

}  // namespace gantry::index::mysql
