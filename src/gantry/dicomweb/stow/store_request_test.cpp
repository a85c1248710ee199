#include "gantry/dicomweb/stow/store_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicomweb/stow/service_root.hpp"

namespace gantry::dicomweb::stow {
namespace {

using testing::HasSubstr;

Result<BodyForm> form_of(const char* content_type) {
  http::Headers headers;
  if (content_type != nullptr) headers.add("Content-Type", content_type);
  return body_form(headers);
}

TEST(StoreRequest, TakesMultipartWhetherOrNotItsParametersAreQuoted) {
  for (const char* text : {R"(multipart/related; type="application/dicom"; boundary="14e83d91-5139-a4ac")",
                           R"(multipart/related; type=application/dicom; boundary=14e83d91-5139-a4ac)",
                           R"(Multipart/Related;boundary=14e83d91-5139-a4ac;TYPE="Application/DICOM")",
                           R"(multipart/related; boundary=14e83d91-5139-a4ac)"}) {
    const auto form = form_of(text);
    ASSERT_TRUE(form) << text << ": " << form.error().detail();
    EXPECT_TRUE(form->multipart);
    EXPECT_EQ(form->boundary, "14e83d91-5139-a4ac");
  }
}

TEST(StoreRequest, TakesASingleInstance) {
  const auto form = form_of("application/dicom");
  ASSERT_TRUE(form);
  EXPECT_FALSE(form->multipart);
}

TEST(StoreRequest, RefusesOtherMediaTypesAndSaysWhatIsTaken) {
  for (const char* text : {"text/plain", "multipart/form-data; boundary=x", "application/zip",
                           R"(multipart/related; type="application/octet-stream"; boundary=x)"}) {
    const auto form = form_of(text);
    ASSERT_FALSE(form) << text;
    EXPECT_EQ(form.error().kind(), ErrorKind::kUnsupported) << text;
    EXPECT_THAT(form.error().detail(), HasSubstr("application/dicom"));
  }
  EXPECT_EQ(form_of(nullptr).error().kind(), ErrorKind::kUnsupported);
}

// PS3.18 §10.5.1.2.
TEST(StoreRequest, MetadataMayComeApartFromBulkData) {
  const auto json = form_of(R"(multipart/related; type="application/dicom+json"; boundary=x)");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->kind, BodyForm::Kind::kJson);
  const auto xml = form_of(R"(multipart/related; boundary=x; type=application/dicom+xml)");
  ASSERT_TRUE(xml);
  EXPECT_EQ(xml->kind, BodyForm::Kind::kXml);
}

TEST(StoreRequest, RefusesAMissingBoundaryAndACompressedBody) {
  EXPECT_EQ(form_of(R"(multipart/related; type="application/dicom")").error().kind(), ErrorKind::kInvalid);
  EXPECT_EQ(form_of(R"(multipart/related; type="application/dicom"; boundary="")").error().kind(), ErrorKind::kInvalid);
  http::Headers headers;
  headers.add("Content-Type", "application/dicom");
  headers.add("Content-Encoding", "gzip");
  EXPECT_EQ(body_form(headers).error().kind(), ErrorKind::kUnsupported);
}

TEST(StoreRequest, APartWithoutContentTypeHoldsAnInstance) {
  http::Headers none, dicom, text;
  dicom.add("Content-Type", "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
  text.add("Content-Type", "text/plain");
  EXPECT_TRUE(holds_an_instance(none));
  EXPECT_TRUE(holds_an_instance(dicom));
  EXPECT_FALSE(holds_an_instance(text));
}

Result<AnswerFormat> format_for(const char* accept, const std::string& query = "") {
  http::Request request;
  if (accept != nullptr) request.headers.add("Accept", accept);
  request.query = query;
  return answer_format(request);
}

TEST(StoreRequest, AnswersInTheFormatThatTheSenderLikesBest) {
  EXPECT_EQ(*format_for(nullptr), AnswerFormat::kJson);
  EXPECT_EQ(*format_for("*/*"), AnswerFormat::kJson);
  EXPECT_EQ(*format_for("application/json"), AnswerFormat::kJson);
  EXPECT_EQ(*format_for("application/dicom+xml"), AnswerFormat::kXml);
  EXPECT_EQ(*format_for("application/dicom+json;q=0.5, application/dicom+xml"), AnswerFormat::kXml);
  EXPECT_EQ(*format_for("application/dicom+xml;q=0.1, application/dicom+json"), AnswerFormat::kJson);
  EXPECT_EQ(*format_for("text/html", "accept=application/dicom%2Bxml"), AnswerFormat::kXml);
  EXPECT_EQ(*format_for("not a media range"), AnswerFormat::kJson);
  EXPECT_EQ(format_for("text/html, image/png").error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(format_for("application/dicom+json;q=0").error().kind(), ErrorKind::kUnsupported);
}

TEST(ServiceRoot, IsThePublicUrlOrTheHostAndNeverWhatAStrangerClaims) {
  Settings settings;
  http::Request request;
  request.remote_address = "10.0.0.9";
  EXPECT_EQ(service_root(settings, request), "/dicom-web");
  request.headers.add("Host", "pacs.example:8080");
  EXPECT_EQ(service_root(settings, request), "http://pacs.example:8080/dicom-web");
  request.headers.add("X-Forwarded-Proto", "https");
  request.headers.add("X-Forwarded-Host", "images.example");
  EXPECT_EQ(service_root(settings, request), "http://pacs.example:8080/dicom-web");
  settings.trusted_proxies = {"10.0.0.9"};
  EXPECT_EQ(service_root(settings, request), "https://images.example/dicom-web");
  request.headers.remove("X-Forwarded-Host");
  EXPECT_EQ(service_root(settings, request), "https://pacs.example:8080/dicom-web") << "it ended TLS and kept the Host";
  settings.public_url = "https://archive.example/dicom-web/";
  EXPECT_EQ(service_root(settings, request), "https://archive.example/dicom-web");
  request.headers.set("Host", "a/\"b");
  settings = Settings{};
  EXPECT_EQ(service_root(settings, request), "/dicom-web");
}

}  // namespace
}  // namespace gantry::dicomweb::stow
