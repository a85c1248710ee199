#include "gantry/dicom/transfer_syntax.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace gantry::dicom {
namespace {

TEST(TransferSyntax, SaysHowADataSetIsEncoded) {
  EXPECT_FALSE(find_transfer_syntax(kImplicitLittleEndian)->explicit_vr);
  EXPECT_TRUE(find_transfer_syntax(kExplicitBigEndian)->big_endian);
  EXPECT_TRUE(find_transfer_syntax(kDeflatedExplicitLittleEndian)->deflated);
  EXPECT_TRUE(find_transfer_syntax("1.2.840.10008.1.2.4.201")->encapsulated);
  EXPECT_EQ(find_transfer_syntax("1.2.840.10008.1.2.4.201")->frame_media_type, "image/jphc");
  EXPECT_FALSE(find_transfer_syntax("1.2.840.10008.1.2.4.50")->lossless);
  EXPECT_TRUE(find_transfer_syntax("1.2.840.10008.1.2.4.102")->video);
  EXPECT_EQ(find_transfer_syntax("1.2.840.10008.9.9.9"), nullptr);
  EXPECT_EQ(find_transfer_syntax(""), nullptr);
}

TEST(TransferSyntax, HasEachLineOnceAndWhole) {
  std::set<std::string_view> seen;
  for (const auto& line : all_transfer_syntaxes()) {
    EXPECT_TRUE(seen.insert(line.uid).second) << line.uid;
    EXPECT_FALSE(line.name.empty() || line.frame_media_type.empty()) << line.uid;
    EXPECT_FALSE(line.encapsulated && line.deflated) << line.uid;
  }
}

}  // namespace
}  // namespace gantry::dicom
