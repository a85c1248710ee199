#pragma once

// The small languages of settings: sizes, durations, addresses, and the search for the name that was meant.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::config {

/// "4096", "32kB", "16GB", "1 GiB": bytes. Units are powers of 1024 whatever their letters' case, as in DESIGN §13.
/// nullopt when it is none, or more than 2^63 - 1.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// The shortest text that parse_bytes reads back.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// "250ms", "10s", "5min", "24h", "7d". A number without a unit is none: nobody should have to guess.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest text that parse_duration reads back.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);
/// true, on, yes, 1; false, off, no, 0.
[[nodiscard]] std::optional<bool> parse_switch(std::string_view text);

/// HOST:PORT or [IPV6]:PORT, port 0 to 65535; "" as host is none.
[[nodiscard]] bool is_address(std::string_view text);
/// A comma-separated list; spaces around its elements go, empty elements too.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);

/// The candidate that `name` most likely was meant to be; nullopt when none is near.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates);
/// How many characters must be put in, left out, changed or swapped with their neighbour to get from one to the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// A TOML basic string with its quotes.
[[nodiscard]] std::string toml_string(std::string_view text);

}  // namespace gantry::config
