#include "gantry/dicom/json_writer.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/json_data_set.hpp"

namespace gantry::dicom {
namespace {

std::string items(Vr vr, std::vector<std::string_view> values) {
  std::string out;
  append_text_items(out, vr, values);
  return out;
}

template <class T>
std::string numbers(Vr vr, std::vector<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::string out;
  EXPECT_TRUE(append_number_items(out, vr, bytes, false));
  return out;
}

TEST(JsonWriter, WritesDecimalTextAsNumberOnlyWhereItSurvives) {
  for (const auto* text : {"0", "-0", "1", "-12.50", "1e5", "1E-05", "3.14159265358979", "0.1", "9007199254740992",
                           "0.30000000000000004"}) {
    EXPECT_TRUE(survives_as_json_number(text)) << text;
  }
  for (const auto* text :
       {"", "+5", ".03", "5.", "1e", "1e+", "007", "-", "--1", "1 2", "0x10", "NaN", "1,5", "1e400", "9007199254740993",
        "123456789012345678", "0.12345678901234567891", "1e-320", "100000000000000000000"}) {
    EXPECT_FALSE(survives_as_json_number(text)) << text;
  }
  EXPECT_EQ(items(Vr::kDS, {"1.50", "", "+5", ".03"}), R"(1.50,null,"+5",".03")");
  EXPECT_EQ(items(Vr::kIS, {"42", "1e"}), R"(42,"1e")");
}

TEST(JsonWriter, LeavesNumbersInTextVrsAsText) { EXPECT_EQ(items(Vr::kLO, {"42"}), "\"42\""); }

TEST(JsonWriter, SplitsPersonNamesIntoTheirGroups) {
  EXPECT_EQ(items(Vr::kPN, {"Wang^Xiao=\xE7\x8E\x8B=x "}),
            "{\"Alphabetic\":\"Wang^Xiao\",\"Ideographic\":\"\xE7\x8E\x8B\",\"Phonetic\":\"x\"}");
  EXPECT_EQ(items(Vr::kPN, {"==x"}), R"({"Phonetic":"x"})");
  EXPECT_EQ(items(Vr::kPN, {"A", "", "B"}), R"({"Alphabetic":"A"},null,{"Alphabetic":"B"})");
  EXPECT_EQ(items(Vr::kPN, {"a=b=c=d"}), R"({"Alphabetic":"a","Ideographic":"b","Phonetic":"c=d"})");
}

TEST(JsonWriter, KeepsIntegersBeyond53BitsAsText) {
  EXPECT_EQ(numbers<std::uint64_t>(Vr::kUV, {9007199254740992ULL, 9007199254740993ULL, UINT64_MAX}),
            R"(9007199254740992,"9007199254740993","18446744073709551615")");
  EXPECT_EQ(numbers<std::int64_t>(Vr::kSV, {-9007199254740992LL, -9007199254740993LL, INT64_MIN}),
            R"(-9007199254740992,"-9007199254740993","-9223372036854775808")");
}

TEST(JsonWriter, WritesFloatsSoThatTheyReadBackEqual) {
  EXPECT_EQ(numbers<float>(Vr::kFL, {0.1F, -2.0F, 16777216.0F}), "0.1,-2,16777216");
  EXPECT_EQ(numbers<double>(Vr::kFD, {0.1, 1e300}), "0.1,1e+300");
  // Digits alone would be a whole number that parsers find too large.
  EXPECT_EQ(numbers<double>(Vr::kFD, {2.0660353362554698e+21}), "2.0660353362554698e+21");
  std::string out = "before";
  const double nan = std::nan("");
  const std::string_view bytes(reinterpret_cast<const char*>(&nan), sizeof nan);
  EXPECT_FALSE(append_number_items(out, Vr::kFD, bytes, false));
  EXPECT_EQ(out, "before");
}

TEST(JsonWriter, ReadsBigEndianNumbersAndTags) {
  std::string out;
  EXPECT_TRUE(append_number_items(out, Vr::kSS, std::string_view("\xFF\xFE\x01\x02", 4), true));
  EXPECT_EQ(out, "-2,258");
  out.clear();
  EXPECT_TRUE(append_number_items(out, Vr::kAT, std::string_view("\x00\x18\x10\x63", 4), true));
  EXPECT_EQ(out, "\"00181063\"");
}

TEST(JsonWriter, SwapsWordsOfBinaryValuesToLittleEndian) {
  std::string out;
  append_binary(out, Vr::kOW, std::string_view("\x01\x02\x03\x04", 4), true);
  EXPECT_EQ(out, "AgEEAw==");
  out.clear();
  append_binary(out, Vr::kOB, std::string_view("\x01\x02\x03\x04", 4), true);
  EXPECT_EQ(out, "AQIDBA==");
  out.clear();
  append_binary(out, Vr::kOD, std::string_view("\1\2\3\4\5\6\7\x08", 8), true);
  EXPECT_EQ(out, "CAcGBQQDAgE=");
}

TEST(JsonDataSet, SortsElementsOfEveryLevelAndKeepsTheFirstOfEqualOnes) {
  JsonDataSet json(1 << 20);
  const auto number = [&json](Tag tag, const char* text) {
    json.begin_element(tag, Vr::kIS);
    json.begin_values();
    json.out().append(text);
    json.end_values();
    json.end_element();
  };
  number({0x0020, 0x0013}, "1");
  json.begin_sequence({0x0008, 0x1140});
  json.begin_item();
  number({0x0020, 0x0013}, "2");
  number({0x0020, 0x0011}, "3");
  json.end_item();
  json.begin_item();
  json.end_item();
  json.end_sequence();
  number({0x0020, 0x0013}, "4");
  number({0x0008, 0x0001}, "5");
  const auto text = json.finish("");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            R"({"00080001":{"vr":"IS","Value":[5]},"00081140":{"vr":"SQ","Value":[{"00200011":{"vr":"IS","Value":[3]},)"
            R"("00200013":{"vr":"IS","Value":[2]}},{}]},"00200013":{"vr":"IS","Value":[1]}})");
}

TEST(JsonDataSet, DropsTheBulkItemsOfElementsThatItDrops) {
  JsonDataSet json(1 << 20);
  const auto bulk = [&json](Tag tag, std::uint64_t offset) {
    json.begin_element(tag, Vr::kOB);
    json.bulk_uri(Vr::kOB, {offset, 10}, true);
    json.end_element();
  };
  bulk({0x0042, 0x0011}, 100);
  bulk({0x0042, 0x0011}, 200);
  bulk({0x0009, 0x1010}, 300);
  const auto text = json.finish("/root/");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"({"00091010":{"vr":"OB","BulkDataURI":"/root/00091010"},)"
                   R"("00420011":{"vr":"OB","BulkDataURI":"/root/00420011"}})");
  const auto items = json.take_bulk();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].path, "00091010");
  EXPECT_EQ(items[1].range.offset, 100U);
}

TEST(JsonDataSet, SaysWhenItOutgrowsItsLimit) {
  JsonDataSet json(1000);
  EXPECT_TRUE(json.check());
  json.begin_element({0x0008, 0x0001}, Vr::kLT);
  json.out().append(2000, 'x');
  json.end_element();
  const auto checked = json.check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind(), ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace gantry::dicom
