#include "gantry/dicomweb/stow/metadata.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicomweb/native_model.hpp"
#include "gantry/dicomweb/stow/metadata_instance.hpp"

namespace gantry::dicomweb::stow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kIdentity = R"("00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},
  "00080018":{"vr":"UI","Value":["1.2.3.4"]},"0020000D":{"vr":"UI","Value":["1.2"]},"0020000E":{"vr":"UI","Value":["1.2.3"]})";

class Text final : public RandomAccess {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return text_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const auto from = std::min<std::uint64_t>(offset, text_.size());
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), text_.size() - from));
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + from, count, into.begin());
    return count;
  }
  [[nodiscard]] std::string at(const dicom::ByteRange& range) const { return text_.substr(range.offset, range.length); }

 private:
  std::string text_;
};

/// The file that metadata and one part become, as the indexer reads it; the error's words when there is none.
std::string json_of(const MetadataSet& set, const BulkParts& parts, const Text& bytes, std::string* syntax = nullptr) {
  std::uint64_t left = 2 * bytes.size();
  const auto made = make_instance(set, parts, &bytes, left);
  if (!made) return made.error().detail();
  std::string file;
  for (const auto& piece : made->pieces) {
    file += std::holds_alternative<std::string>(piece) ? std::get<std::string>(piece)
                                                       : bytes.at(std::get<dicom::ByteRange>(piece));
  }
  dicom::InstanceIndexer indexer;
  if (const auto fed = indexer.feed(std::as_bytes(std::span(file))); !fed) return fed.error().detail();
  const auto indexed = indexer.finish();
  if (!indexed) return indexed.error().detail();
  if (syntax != nullptr) *syntax = indexed->transfer_syntax;
  return indexed->json;
}

MetadataSet parsed(const std::string& object) {
  auto set = parse_json(object);
  EXPECT_TRUE(set) << set.error().detail();
  return set ? *std::move(set) : MetadataSet();
}

TEST(StowMetadata, AnyJsonValueComesBackAsItCame) {
  const std::string object = std::string("{") + kIdentity + R"(,
    "00080005":{"vr":"CS","Value":["ISO_IR 100"]},
    "00080008":{"vr":"CS","Value":["DERIVED",null,"OTHER"]},
    "00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎"}]},
    "00101030":{"vr":"DS","Value":[72.5]},
    "00181310":{"vr":"US","Value":[0,256,256,"0"]},
    "00209165":{"vr":"AT","Value":["00209057"]},
    "00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["STEP"]}},{}]},
    "00091001":{"vr":"FD","Value":[1.5,-2]},
    "00091002":{"vr":"OB","InlineBinary":"AAEC/w=="},
    "00080090":{"vr":"PN"}})";
  const std::string json = json_of(parsed(object), {}, Text(""));
  for (const char* expected :
       {R"("00080005":{"vr":"CS","Value":["ISO_IR 192"]})", R"("Value":["DERIVED",null,"OTHER"])",
        R"({"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎"})", R"("00101030":{"vr":"DS","Value":[72.5]})",
        R"("00181310":{"vr":"US","Value":[0,256,256,0]})", R"("00209165":{"vr":"AT","Value":["00209057"]})",
        R"([{"00400009":{"vr":"SH","Value":["STEP"]}},{}])", R"("00091001":{"vr":"FD","Value":[1.5,-2]})",
        R"("00091002":{"vr":"OB","InlineBinary":"AAEC/w=="})", R"("00080090":{"vr":"PN"})"}) {
    EXPECT_THAT(json, HasSubstr(expected));
  }
}

TEST(StowMetadata, XmlSaysTheSame) {
  const std::string object = std::string("{") + kIdentity + R"(,
    "00080008":{"vr":"CS","Value":["DERIVED",null,"OTHER"]},
    "00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane","Phonetic":"d"}]},
    "00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["STEP & <1>"]}}]},
    "00091002":{"vr":"OB","InlineBinary":"AAEC/w=="}})";
  const std::string once = json_of(parsed(object), {}, Text(""));
  const auto document = native_model_xml(once);
  ASSERT_TRUE(document);
  const auto set = parse_xml(*document);
  ASSERT_TRUE(set) << set.error().detail();
  EXPECT_EQ(json_of(*set, {}, Text("")), once);
}

// PS3.18 F.2.1.2: JSON is UTF-8 whatever (0008,0005) says, which is of the source; bulk text is the source's own.
TEST(StowMetadata, TextThatComesAsBulkDataIsReadInTheCharacterSetOfItsSource) {
  const std::string latin =
                        "Gr\xFC\xDF"
                        "e",
                    gb = "\xC1\xAA\xCD\xA8",
                    utf8 =
                        "Gr\xC3\xBC\xC3\x9F"
                        "e";
  const auto stored = [](const std::string& charset, const std::string& text, const std::string& item = "") {
    const BulkParts parts{{"t", {{"application/octet-stream", "", {0, text.size()}}}}};
    const std::string object = std::string("{") + kIdentity +
                               (charset.empty() ? "" : R"(,"00080005":{"vr":"CS","Value":[")" + charset + "\"]}") +
                               (item.empty() ? R"(,"0040A160":{"vr":"UT","BulkDataURI":"t"}})"
                                             : R"(,"0040A730":{"vr":"SQ","Value":[{"00080005":{"vr":"CS","Value":[")" +
                                                   item + R"("]},"0040A160":{"vr":"UT","BulkDataURI":"t"}}]}})");
    return json_of(parsed(object), parts, Text(text));
  };
  EXPECT_THAT(stored("ISO_IR 100", latin), HasSubstr("Grüße"));
  EXPECT_THAT(stored("GB18030", gb), HasSubstr("联通")) << "bytes that are UTF-8, too, but mean something else";
  for (const char* charset : {"", "ISO_IR 192"}) EXPECT_THAT(stored(charset, utf8), HasSubstr("Grüße"));
  const std::string nested = stored("ISO_IR 192", latin, "ISO_IR 100");
  EXPECT_THAT(nested, HasSubstr("Grüße"));
  EXPECT_THAT(nested, Not(HasSubstr("ISO_IR 100"))) << "items are UTF-8, too";
  EXPECT_THAT(stored("ISO_IR 999", latin), HasSubstr("0040A160 is text in a character set that is not known"));
}

TEST(StowMetadata, BulkDataAreTakenWhereTheirLocationSays) {
  const BulkParts parts{{"http://here/a", {{"application/octet-stream", "", {2, 3}}}}};
  const std::string object = std::string("{") + kIdentity + R"(,"00091001":{"vr":"OB","BulkDataURI":"http://here/a"}})";
  EXPECT_THAT(json_of(parsed(object), parts, Text("..xyz..")), HasSubstr(R"("InlineBinary":"eHl6AA==")"));
  const std::string latin =
      std::string("{") + kIdentity +
      R"(,"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00091001":{"vr":"OB","BulkDataURI":"http://here/a"}})";
  EXPECT_THAT(json_of(parsed(latin), parts, Text("..\xFC\xDF\xE4..")), HasSubstr(R"("InlineBinary":"/N/kAA==")"))
      << "what is no text has no character set";
  const std::string lost = std::string("{") + kIdentity + R"(,"00091001":{"vr":"OB","BulkDataURI":"elsewhere"}})";
  EXPECT_THAT(json_of(parsed(lost), parts, Text("..xyz..")), HasSubstr("00091001 names a BulkDataURI"));
}

TEST(StowMetadata, CompressedFramesFillInWhatTheySay) {
  using std::string_literals::operator""s;
  const std::string frame = "\xFF\xD8\xFF\xC0\0\x0B\x08\0\x10\0\x20\1\1\x11\0\xFF\xDA\0\x08\1\1\0\0\0\0!"s;
  const Text bytes(frame + frame);
  BulkParts parts;
  parts["f"] = {{"image/jpeg", "", {0, frame.size()}}, {"image/jpeg", "", {frame.size(), frame.size()}}};
  std::string syntax;
  const std::string object = std::string("{") + kIdentity + R"(,"7FE00010":{"vr":"OB","BulkDataURI":"f"}})";
  const std::string json = json_of(parsed(object), parts, bytes, &syntax);
  EXPECT_EQ(syntax, "1.2.840.10008.1.2.4.50");
  EXPECT_THAT(json, HasSubstr(R"("00280008":{"vr":"IS","Value":[2]})"));
  EXPECT_THAT(json, HasSubstr(R"("00280010":{"vr":"US","Value":[16]},"00280011":{"vr":"US","Value":[32]})"));
  EXPECT_THAT(json, HasSubstr("MONOCHROME2"));
  parts["f"][0].transfer_syntax = "1.2.840.10008.1.2.4.90";
  json_of(parsed(object), parts, bytes, &syntax);
  EXPECT_EQ(syntax, "1.2.840.10008.1.2.4.50") << "the bytes count, not what they are called";
  parts["f"] = {{"image/x-unknown", "", {0, 3}}};
  EXPECT_THAT(json_of(parsed(object), parts, bytes), HasSubstr("transfer-syntax"));
}

// PS3.18 Table I.2-1: B007.
TEST(StowMetadata, AnImageThatIsAnotherSizeThanTheMetadataSayIsTold) {
  using std::string_literals::operator""s;
  const std::string frame = "\xFF\xD8\xFF\xC0\0\x0B\x08\0\x10\0\x20\1\1\x11\0\xFF\xDA\0\x08\1\1\0\0\0\0!"s;
  const Text bytes(frame);
  const BulkParts parts{{"f", {{"image/jpeg", "", {0, frame.size()}}}}};
  const auto contradicted = [&](const std::string& rows) {
    std::uint64_t left = 1000;
    const auto made = make_instance(parsed(std::string("{") + kIdentity + R"(,"00280010":{"vr":"US","Value":[)" + rows +
                                           R"(]},"00280011":{"vr":"US"},"7FE00010":{"vr":"OB","BulkDataURI":"f"}})"),
                                    parts, &bytes, left);
    EXPECT_TRUE(made);
    return made ? made->contradicted : std::vector<dicom::Tag>();
  };
  EXPECT_THAT(contradicted("16"), ElementsAre());
  EXPECT_THAT(contradicted("512"), ElementsAre(dicom::Tag(0x00280010)));
}

TEST(StowMetadata, EachFrameHasAPartOfItsOwn) {
  using std::string_literals::operator""s;
  const std::string frame = "\xFF\xD8\xFF\xC0\0\x0B\x08\0\x10\0\x20\1\1\x11\0\xFF\xDA\0\x08\1\1\0\0\0\0!"s;
  const BulkParts parts{{"f", {{"image/jpeg", "", {0, frame.size()}}}}};
  for (const auto& [frames, words] :
       {std::pair("1", ""), std::pair("3", "00280008 says 3 frames, but the parts are 1")}) {
    const std::string object = std::string("{") + kIdentity + R"(,"00280008":{"vr":"IS","Value":[)" + frames +
                               R"(]},"7FE00010":{"vr":"OB","BulkDataURI":"f"}})";
    EXPECT_THAT(json_of(parsed(object), parts, Text(frame)), HasSubstr(words));
  }
}

// PS3.18 Table I.2-1: B006.
TEST(StowMetadata, WhatNoDataSetCanHaveIsLeftOutAndTold) {
  std::uint64_t left = 0;
  const auto made = make_instance(
      parsed(std::string("{") + R"("00000110":{"vr":"US","Value":[1]},"00020010":{"vr":"UI","Value":["1.2"]},
             "00041130":{"vr":"CS","Value":["A"]},"00080000":{"vr":"UL","Value":[9]},)" +
             kIdentity + "}"),
      {}, nullptr, left);
  ASSERT_TRUE(made) << made.error().detail();
  EXPECT_THAT(made->discarded, ElementsAre(dicom::Tag(0x00000110), dicom::Tag(0x00041130)))
      << "group lengths and the File Meta group are no part of what was sent";
}

TEST(StowMetadata, ADocumentSaysItsMediaType) {
  const BulkParts parts{{"d", {{"application/pdf", "", {0, 4}}}}};
  const std::string object = std::string("{") + kIdentity + R"(,"00420011":{"vr":"OB","BulkDataURI":"d"}})";
  EXPECT_THAT(json_of(parsed(object), parts, Text("%PDF")), HasSubstr("application/pdf"));
}

TEST(StowMetadata, FewPartsDoNotBecomeMuch) {
  const BulkParts parts{{"d", {{"application/octet-stream", "", {0, 4}}}}};
  std::string object = std::string("{") + kIdentity;
  for (int i = 1; i < 6; ++i) object += ",\"0009100" + std::to_string(i) + R"(":{"vr":"OB","BulkDataURI":"d"})";
  EXPECT_THAT(json_of(parsed(object + "}"), parts, Text("abcd")), HasSubstr("more often"));
}

TEST(StowMetadata, DamagedMetadataAreRefusedWithoutTheirValues) {
  for (const char* text :
       {R"({"0010001":{"vr":"PN"}})", R"({"Modality":{"vr":"CS"}})", R"({"00100010":{"vr":"XX"}})",
        R"({"00100010":"Secret"})", R"({"00100010":{"vr":"PN","Value":"Secret"}})",
        R"({"00100010":{"vr":"LO","Value":[{"Secret":1}]}})", R"({"00100010":{"vr":"PN"},"00100010":{"vr":"PN"}})",
        R"({"00091001":{"vr":"OB","InlineBinary":"Se*cret"}})", R"({"00400275":{"vr":"SQ","Value":[1]}})", "{", "",
        "[]", "\xff"}) {
    const auto set = parse_json(text);
    ASSERT_FALSE(set) << text;
    EXPECT_THAT(set.error().detail(), Not(HasSubstr("Secret"))) << text;
  }
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += R"({"00400275":{"vr":"SQ","Value":[)";
  EXPECT_FALSE(parse_json(deep));
  for (int i = 0; i < 200; ++i) deep += "]}}";
  EXPECT_FALSE(parse_json(deep));
  std::string elements;
  for (int i = 0; i < 5000; ++i) elements += "<a>";
  for (
      const char* text :
      {"", "<a/>", "<NativeDicomModel><x/></NativeDicomModel>", "<NativeDicomModel>", "no xml",
       R"(<NativeDicomModel><DicomAttribute tag="Modality" vr="CS"/></NativeDicomModel>)",
       R"(<NativeDicomModel><DicomAttribute tag="00100010" vr="PN"><Value number="999999999">x</Value></DicomAttribute></NativeDicomModel>)",
       elements.c_str()}) {
    EXPECT_FALSE(parse_xml(text)) << text;
  }
  std::uint64_t left = 0;
  const auto number = parsed(std::string("{") + kIdentity + R"(,"00280010":{"vr":"US","Value":["Secret"]}})");
  EXPECT_THAT(make_instance(number, {}, nullptr, left).error().detail(), HasSubstr("00280010"));
}

TEST(StowMetadata, AnArrayIsSplitIntoItsObjects) {
  const auto two = split_json(" [ {\"a\":1} , {} ] ");
  ASSERT_TRUE(two);
  EXPECT_THAT(*two, ElementsAre("{\"a\":1}", "{}"));
  EXPECT_EQ(split_json("{}")->size(), 1U);
  for (const char* text : {"", "[", "[1]", "{}{}", "[{}", "\"x\"", "[{}],"}) EXPECT_FALSE(split_json(text)) << text;
}

TEST(StowMetadata, Base64IsReadToTheLetter) {
  EXPECT_EQ(*decode_base64("AAEC/w=="), std::string("\0\1\2\xff", 4));
  EXPECT_EQ(*decode_base64("QUJD\r\nREU"), "ABCDE");
  EXPECT_EQ(*decode_base64(""), "");
  for (const char* text : {"A", "QUJDR", "Q*JD", "QQ==QQ==", "===="}) EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace gantry::dicomweb::stow
