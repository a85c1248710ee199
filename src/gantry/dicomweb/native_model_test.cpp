#include "gantry/dicomweb/native_model.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dicomweb {
namespace {

using ::testing::HasSubstr;

std::string xml_of(std::string_view json) {
  const auto xml = native_model_xml(json);
  EXPECT_TRUE(xml) << xml.error().detail();
  return xml ? *xml : "";
}

TEST(NativeModel, NamesAttributesAndNumbersValues) {
  EXPECT_THAT(xml_of(R"({"00080060":{"vr":"CS","Value":["CT",null,"MR"]}})"),
              HasSubstr(R"(<DicomAttribute tag="00080060" vr="CS" keyword="Modality"><Value number="1">CT</Value>)"
                        R"(<Value number="3">MR</Value></DicomAttribute>)"));
  EXPECT_THAT(xml_of(R"({"00100030":{"vr":"DA"}})"), HasSubstr(R"(keyword="PatientBirthDate"></DicomAttribute>)"));
}

TEST(NativeModel, SplitsPersonNamesIntoComponents) {
  EXPECT_THAT(
      xml_of(R"({"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou^^Dr","Ideographic":"山田^太郎"}]}})"),
      HasSubstr("<PersonName number=\"1\"><Alphabetic><FamilyName>Yamada</FamilyName><GivenName>Tarou</GivenName>"
                "<NamePrefix>Dr</NamePrefix></Alphabetic><Ideographic><FamilyName>山田</FamilyName>"
                "<GivenName>太郎</GivenName></Ideographic></PersonName>"));
}

TEST(NativeModel, NestsItemsAndNamesPrivateCreators) {
  const auto xml =
      xml_of(R"({"00091001":{"vr":"LO","Value":["a"]},"00400275":{"vr":"SQ","Value":[{},)"
             R"({"00290010":{"vr":"LO","Value":["ACME & Co"]},"00291001":{"vr":"UN","InlineBinary":"AAE="}}]}})");
  EXPECT_THAT(xml, HasSubstr(R"(<Item number="1"></Item><Item number="2">)"));
  EXPECT_THAT(xml,
              HasSubstr(R"(tag="00291001" vr="UN" privateCreator="ACME &amp; Co"><InlineBinary>AAE=</InlineBinary>)"));
  EXPECT_THAT(xml, HasSubstr(R"(<DicomAttribute tag="00091001" vr="LO"><Value)")) << "its creator is missing";
}

TEST(NativeModel, EscapesAndPointsToBulkData) {
  EXPECT_THAT(xml_of(R"({"00081030":{"vr":"LO","Value":["a<b>&\"\u001b"]}})"),
              HasSubstr("a&lt;b&gt;&amp;&quot;\xEF\xBF\xBD<"));
  EXPECT_THAT(xml_of(R"({"7FE00010":{"vr":"OW","BulkDataURI":"/dicom-web/x?a&b"}})"),
              HasSubstr(R"(<BulkData uri="/dicom-web/x?a&amp;b"/>)"));
}

TEST(NativeModel, RefusesDamagedJsonAndBottomlessNesting) {
  EXPECT_FALSE(native_model_xml(R"({"00080060":{"vr":"CS")"));
  EXPECT_FALSE(native_model_xml(R"({"Modality":{"vr":"CS"}})"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += R"({"00400275":{"vr":"SQ","Value":[)";
  deep += "{}";
  for (int i = 0; i < 1000; ++i) deep += "]}}";
  EXPECT_FALSE(native_model_xml(deep));
}

}  // namespace
}  // namespace gantry::dicomweb
