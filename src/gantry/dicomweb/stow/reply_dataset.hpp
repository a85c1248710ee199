#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gantry::dicomweb::stow {

struct ReplyAttribute;
/// A small data set that we answer with, attributes in ascending order of their tags.
using ReplyDataset = std::vector<ReplyAttribute>;

/// One attribute of an answer: text, numbers or items, as its VR has it.
struct ReplyAttribute {
  std::uint32_t tag = 0;
  std::string vr;
  std::string keyword;              ///< as in PS3.6; "" for private attributes
  std::vector<std::string> values;  ///< text in UTF-8; of US the decimal number
  std::vector<ReplyDataset> items;  ///< of SQ
  std::string private_creator;      ///< names the owner of a private attribute; the creator element is written, too
};

/// One DICOM JSON object (PS3.18 Annex F).
[[nodiscard]] std::string to_dicom_json(const ReplyDataset& dataset);
/// A Native DICOM Model document (PS3.19 Annex A).
[[nodiscard]] std::string to_native_xml(const ReplyDataset& dataset);

}  // namespace gantry::dicomweb::stow
