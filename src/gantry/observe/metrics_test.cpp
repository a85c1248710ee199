#include "gantry/observe/metrics.hpp"

#include <array>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::observe {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, AreWrittenAsPrometheusReadsThem) {
  Metrics metrics;
  metrics.counter("gantry_requests_total", "Requests answered.", {{"status", "200"}, {"method", "GET"}}).add(3);
  metrics.counter("gantry_requests_total", "Requests answered.", {{"method", "GET"}, {"status", "404"}}).add();
  metrics.gauge("gantry_open_connections", "Connections now.").set(2.5);
  const std::array<double, 2> bounds{0.1, 1};
  auto& histogram = metrics.histogram("gantry_request_seconds", "Time to the last byte.", bounds);
  histogram.observe(0.1);
  histogram.observe(0.5);
  histogram.observe(7);
  metrics.read_gauge("gantry_memory_bytes", "Asked when read.", [] { return 4096.0; });
  EXPECT_EQ(metrics.text(),
            "# HELP gantry_memory_bytes Asked when read.\n"
            "# TYPE gantry_memory_bytes gauge\n"
            "gantry_memory_bytes 4096\n"
            "# HELP gantry_open_connections Connections now.\n"
            "# TYPE gantry_open_connections gauge\n"
            "gantry_open_connections 2.5\n"
            "# HELP gantry_request_seconds Time to the last byte.\n"
            "# TYPE gantry_request_seconds histogram\n"
            "gantry_request_seconds_bucket{le=\"0.1\"} 1\n"
            "gantry_request_seconds_bucket{le=\"1\"} 2\n"
            "gantry_request_seconds_bucket{le=\"+Inf\"} 3\n"
            "gantry_request_seconds_sum 7.6\n"
            "gantry_request_seconds_count 3\n"
            "# HELP gantry_requests_total Requests answered.\n"
            "# TYPE gantry_requests_total counter\n"
            "gantry_requests_total{method=\"GET\",status=\"200\"} 3\n"
            "gantry_requests_total{method=\"GET\",status=\"404\"} 1\n");
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  auto& one = metrics.counter("a_total", "", {{"x", "1"}, {"y", "2"}});
  EXPECT_EQ(&one, &metrics.counter("a_total", "", {{"y", "2"}, {"x", "1"}}));
  EXPECT_NE(&one, &metrics.counter("a_total", "", {{"x", "1"}, {"y", "3"}}));
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics;
  metrics.counter("a_total", "two\nlines \\", {{"x", "a\"b\\c\nd"}}).add();
  EXPECT_THAT(metrics.text(), HasSubstr("# HELP a_total two\\nlines \\\\\n"));
  EXPECT_THAT(metrics.text(), HasSubstr(R"(a_total{x="a\"b\\c\nd"} 1)"));
}

TEST(Metrics, LabelsFromOutsideCannotFillTheMemory) {
  Metrics metrics;
  for (int i = 0; i < 5000; ++i) metrics.counter("a_total", "", {{"tenant", std::to_string(i)}}).add();
  EXPECT_THAT(metrics.text(), HasSubstr("a_total{tenant=\"other\"} 4000\n"));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("tenant=\"1000\"")));
}

TEST(Metrics, NumbersThatAreNoneHaveTheirWords) {
  Metrics metrics;
  metrics.gauge("a_ratio", "").set(std::numeric_limits<double>::quiet_NaN());
  metrics.gauge("b_ratio", "").set(-std::numeric_limits<double>::infinity());
  EXPECT_THAT(metrics.text(), HasSubstr("a_ratio NaN\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("b_ratio -Inf\n"));
}

TEST(Metrics, NothingIsLostWhenManyThreadsCount) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 10'000; ++i) {
        metrics.counter("a_total", "").add();
        metrics.gauge("a_bytes", "").add(1);
        metrics.histogram("a_seconds", "", seconds_bounds()).observe(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(metrics.text(), HasSubstr("a_total 40000\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("a_bytes 40000\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("a_seconds_bucket{le=\"0.5\"} 0\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("a_seconds_count 40000\n"));
}

TEST(MetricsDeath, ANameWithoutItsUnitIsABrokenPromise) {
  Metrics metrics;
  EXPECT_DEBUG_DEATH(metrics.counter("requests", ""), "");
  EXPECT_DEBUG_DEATH(metrics.gauge("speed", ""), "");
}

}  // namespace
}  // namespace gantry::observe
