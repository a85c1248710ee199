#pragma once

#include <string>

#include "gantry/dicomweb/stow/store_answer.hpp"

namespace gantry::dicomweb::stow {

/// What became of a store request, for the audit (PS3.15 A.5.3.7 asks for the studies, and the number of instances of
/// each SOP class): JSON
///   {"studies":[{"study":UID,"classes":{SOP class:count…},"stored":N,"replaced":N,"unchanged":N}…],
///    "failed":[{"study":UID,"instance":UID,"reason":"0111"}…],"failures":N,"more_studies":N}
/// with at most 500 of either list; numbers that are 0 and lists that are empty are left out. Ignored ones count as
/// failed. Which instances were stored is told by the rows of gantry_audit.
[[nodiscard]] std::string audit_note(const StoreReport& report);

}  // namespace gantry::dicomweb::stow
