// STOW-RS from the body's bytes to the answer, over the real StoreService with everything in memory.

#include <functional>

#include <boost/asio/co_spawn.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/delete_service.hpp"
#include "gantry/archive/query_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/dicom/part10_builder.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/storage/memory/memory_store.hpp"

namespace gantry::dicomweb {
namespace {

using http::Request;
using http::Response;
using testing::HasSubstr;
using testing::Not;

/// A Part 10 file with some pixels.
std::string ct_slice(const std::string& study, const std::string& sop, std::size_t pixels = 200) {
  dicom::testing::DataSetBuilder data;
  data.text({0x0008, 0x0016}, "UI", std::string(dicom::testing::kCtClass)).text({0x0008, 0x0018}, "UI", sop);
  data.text({0x0020, 0x000D}, "UI", study).text({0x0020, 0x000E}, "UI", study + ".1");
  data.element({0x7FE0, 0x0010}, "OB", std::string(pixels, 'p'));
  return dicom::testing::file_meta("1.2.840.10008.1.2.1", dicom::testing::kCtClass, sop) + data.bytes();
}

std::string part(const std::string& bytes, const std::string& type = "Content-Type: application/dicom\r\n") {
  return "--B\r\n" + type + "\r\n" + bytes + "\r\n";
}

/// A body that arrives in pieces of `step` bytes, and may break at its end.
class PiecewiseBody final : public http::BodyReader {
 public:
  PiecewiseBody(std::string body, std::size_t step, std::optional<Error> end)
      : body_(std::move(body)), step_(step), end_(std::move(end)) {}
  Task<Result<std::span<const std::byte>>> next() override {
    if (at_ == body_.size() && end_) co_return *end_;
    const std::size_t count = std::min(step_, body_.size() - at_);
    // A fresh copy per piece: reading a piece after the next call shows under the address sanitizer.
    piece_.assign(body_.begin() + static_cast<std::ptrdiff_t>(at_),
                  body_.begin() + static_cast<std::ptrdiff_t>(at_ + count));
    piece_.shrink_to_fit();
    at_ += count;
    co_return std::as_bytes(std::span(piece_));
  }
  [[nodiscard]] std::optional<std::uint64_t> declared_length() const override { return std::nullopt; }

 private:
  const std::string body_;
  const std::size_t step_;
  const std::optional<Error> end_;
  std::size_t at_ = 0;
  std::vector<char> piece_;
};

class StoreRoutes : public testing::Test {
 protected:
  StoreRoutes() {
    context_.tenant = TenantId("default");
    context_.request_id = "test";
    EXPECT_TRUE(index_.ensure_tenant(context_));
  }

  Response send(http::Method method, const std::string& pattern, http::PathParameters parameters,
                const std::string& content_type, std::string body, std::size_t step = 100,
                std::optional<Error> end = std::nullopt) {
    const auto routes = store_routes(services_);
    const auto route = std::find_if(routes.begin(), routes.end(), [&](const http::Route& one) {
      return one.method == method && one.pattern == pattern;
    });
    EXPECT_NE(route, routes.end()) << pattern;
    PiecewiseBody reader(std::move(body), step, std::move(end));
    Request request;
    request.method = method;
    request.parameters = std::move(parameters);
    request.headers.add("Host", "pacs.example");
    if (!content_type.empty()) request.headers.add("Content-Type", content_type);
    request.body = &reader;
    request.context = context_;
    boost::asio::io_context io;
    Response answer;
    boost::asio::co_spawn(io, route->handler(request), [&](std::exception_ptr failed, Response response) {
      EXPECT_FALSE(failed);
      answer = std::move(response);
    });
    io.run();
    return answer;
  }
  Response store(std::string body, std::size_t step = 100, std::optional<Error> end = std::nullopt) {
    return send(http::Method::kPost, "/dicom-web/studies", {},
                R"(multipart/related; type="application/dicom"; boundary=B)", std::move(body), step, std::move(end));
  }
  std::uint64_t held() { return index_.totals(context_)->instances; }
  std::size_t objects() {
    std::size_t count = 0;
    EXPECT_TRUE(objects_.list(context_, [&](const storage::ObjectInfo&) { return ++count, true; }));
    return count;
  }

  RequestContext context_;
  index::MemoryIndex index_;
  storage::MemoryStore objects_;
  WorkerPool disk_{"disk", 4, 64};
  WorkerPool readers_{"index", 2, 64};
  archive::StoreService store_{index_, objects_, disk_, archive::StoreSettings{}};
  archive::QueryService queries_{index_};
  archive::RetrieveService retrieves_{index_, objects_};
  archive::DeleteService deletes_{index_, std::chrono::seconds(60)};
  Services services_{store_, queries_, retrieves_, deletes_, nullptr, readers_, disk_, Settings{}};
};

std::string text_of(const Response& response) {
  std::string out;
  for (const auto& segment : response.body.segments) out += std::get<http::Bytes>(segment);
  return out;
}

TEST_F(StoreRoutes, StoresPartsHoweverTheBodyIsCutAndAnswersInTheirOrder) {
  for (const std::size_t step : {1UL, 7UL, 1000UL, 1000000UL}) {
    std::string body;
    std::vector<std::string> sops;
    for (int i = 0; i < 5; ++i) {
      sops.push_back("1.9." + std::to_string(step) + "." + std::to_string(i));
      body += part(ct_slice("1.2", sops.back()));
    }
    const auto answer = store(body + "--B--\r\n", step);
    ASSERT_EQ(answer.status, 200) << text_of(answer);
    std::size_t before = 0;
    for (const auto& sop : sops) {
      const auto at = text_of(answer).find('"' + sop + '"');
      ASSERT_NE(at, std::string::npos) << sop;
      EXPECT_GT(at, before);
      before = at;
    }
  }
  EXPECT_EQ(held(), 20U);
  EXPECT_EQ(objects(), 20U);
}

TEST_F(StoreRoutes, StoresMoreInstancesThanMayBeOnTheWayAtOnce) {
  std::string body;
  for (int i = 0; i < 200; ++i) body += part(ct_slice("1.2", "1.9." + std::to_string(i)));
  const auto answer = store(body + "--B--", 1 << 20);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(held(), 200U);
}

TEST_F(StoreRoutes, TakesTheFormThatViewersSend) {
  // A CRLF before the first delimiter, none after the last one.
  const auto answer =
      send(http::Method::kPost, "/dicom-web/studies", {},
           R"(multipart/related; type="application/dicom"; boundary="14e83d91-5139-a4ac-c846-f11fb182e9ed")",
           "\r\n--14e83d91-5139-a4ac-c846-f11fb182e9ed\r\nContent-Type: application/dicom\r\n\r\n" +
               ct_slice("1.2", "1.9") + "\r\n--14e83d91-5139-a4ac-c846-f11fb182e9ed--");
  EXPECT_EQ(answer.status, 200) << text_of(answer);
  EXPECT_THAT(text_of(answer), HasSubstr("http://pacs.example/dicom-web/studies/1.2/series/1.2.1/instances/1.9"));
}

/// Metadata of an instance whose Pixel Data is the part `pixels`.
std::string metadata(const std::string& sop, const std::string& pixels) {
  return R"({"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":[")" + sop +
         R"("]},"0020000D":{"vr":"UI","Value":["1.2"]},"0020000E":{"vr":"UI","Value":["1.2.3"]},)" +
         R"("7FE00010":{"vr":"OB","BulkDataURI":")" + pixels + R"("}})";
}

// PS3.18 §10.5.1.2.
TEST_F(StoreRoutes, TakesMetadataAndBulkDataInParts) {
  std::string list = "[";
  std::string bulk;
  for (int i = 0; i < 100; ++i) {
    const auto number = std::to_string(i);
    list += (i > 0 ? "," : "") + metadata("1.9." + number, "bulk/" + number);
    bulk += part("pixels of " + number,
                 "Content-Type: application/octet-stream\r\nContent-Location: bulk/" + number + "\r\n");
  }
  const std::string type = R"(multipart/related; type="application/dicom+json"; boundary=B)";
  const std::string body = part(list + "]", "Content-Type: application/dicom+json\r\n") + bulk + "--B--\r\n";
  for (const std::size_t step : {100UL, 100'000UL}) {
    const auto answer = send(http::Method::kPost, "/dicom-web/studies", {}, type, body, step);
    EXPECT_EQ(answer.status, 200) << text_of(answer);
    EXPECT_EQ(held(), 100U) << "the same again changes nothing";
  }
  EXPECT_EQ(objects(), 100U) << "parts leave nothing behind";
}

TEST_F(StoreRoutes, OneInstanceOfMetadataFailsAlone) {
  const std::string type = R"(multipart/related; type="application/dicom+json"; boundary=B)";
  const std::string list =
      "[" + metadata("1.9.1", "here") + "," + metadata("1.9.2", "nowhere") + R"(,{"00080018":{"vr":"UI"}}])";
  const std::string bulk = part("pixels", "Content-Type: application/octet-stream\r\nContent-Location: here\r\n");
  const auto answer = send(http::Method::kPost, "/dicom-web/studies", {}, type,
                           part(list, "Content-Type: application/dicom+json\r\n") + bulk + "--B--");
  EXPECT_EQ(answer.status, 202) << text_of(answer);
  EXPECT_THAT(text_of(answer), HasSubstr("7FE00010 names a BulkDataURI"));
  EXPECT_EQ(held(), 1U);
  const auto other =
      send(http::Method::kPost, "/dicom-web/studies/{study}", {{"study", "1.7"}}, type,
           part("[" + metadata("1.9.3", "here") + "]", "Content-Type: application/dicom+json\r\n") + bulk + "--B--");
  EXPECT_EQ(other.status, 409) << "another study than the URL's";
  for (const auto& broken : {part("[{", "Content-Type: application/dicom+json\r\n") + "--B--",
                             part("[]", "Content-Type: application/dicom+json\r\n"),
                             part("x", "Content-Type: application/octet-stream\r\n") + "--B--",
                             part("<a/>", "Content-Type: application/dicom+xml\r\n") + "--B--", std::string("--B--")}) {
    EXPECT_EQ(send(http::Method::kPost, "/dicom-web/studies", {}, type, broken).status, 400) << broken;
  }
  EXPECT_EQ(held(), 1U);
}

TEST_F(StoreRoutes, TakesASingleInstanceAsTheBody) {
  const auto answer =
      send(http::Method::kPost, "/dicom-web/studies", {}, "application/dicom", ct_slice("1.2", "1.9"), 33);
  EXPECT_EQ(answer.status, 200) << text_of(answer);
  EXPECT_EQ(send(http::Method::kPost, "/dicom-web/studies", {}, "application/dicom", "").status, 400);
  EXPECT_EQ(held(), 1U);
}

TEST_F(StoreRoutes, ABadPartFailsAlone) {
  const auto answer = store(part(ct_slice("1.2", "1.9.1")) + part("Dear archive") + part(ct_slice("1.2", "1.9.2"), "") +
                            part(ct_slice("1.2", "1.9.3"), "Content-Type: text/plain\r\n") + "--B--");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(held(), 2U) << "a part without Content-Type is taken";
  EXPECT_THAT(text_of(answer), HasSubstr("only application/dicom can be stored"));
  EXPECT_THAT(text_of(answer), Not(HasSubstr(R"("1.9.3")")));
}

TEST_F(StoreRoutes, ABodyThatBreaksOffKeepsWhatCameWholeAndNothingElse) {
  const std::string whole = part(ct_slice("1.2", "1.9.1"));
  const std::string half = part(ct_slice("1.2", "1.9.2")).substr(0, 300);
  const auto ended = store(whole + half);
  EXPECT_EQ(ended.status, 400);
  EXPECT_THAT(text_of(ended), HasSubstr(R"("1.9.1")"));
  EXPECT_THAT(text_of(ended), Not(HasSubstr(R"("1.9.2")")));
  EXPECT_EQ(store(whole + half, 100, Error::invalid("the client went away")).status, 400);
  EXPECT_EQ(store(whole + half, 100, Error::timeout("too slow")).status, 408);
  EXPECT_EQ(store(whole + half, 100, Error::too_large("over the limit")).status, 413);
  EXPECT_EQ(held(), 1U);
  EXPECT_EQ(objects(), 1U);
}

TEST_F(StoreRoutes, RefusesWhatHoldsNoInstance) {
  for (const char* body : {"", "--B--", "no delimiter at all", "\r\n\r\n"}) {
    const auto answer = store(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_GT(text_of(answer).size(), 20U);
  }
  EXPECT_EQ(send(http::Method::kPost, "/dicom-web/studies", {}, "text/plain", "x").status, 415);
  EXPECT_EQ(
      send(http::Method::kPost, "/dicom-web/studies", {}, R"(multipart/related; type="application/dicom")", "--B--")
          .status,
      400);
}

TEST_F(StoreRoutes, AStudyInTheUrlIsTheOnlyOneThatIsTaken) {
  const char* type = R"(multipart/related; type="application/dicom"; boundary=B)";
  const char* pattern = "/dicom-web/studies/{study}";
  const std::string body = part(ct_slice("1.2", "1.9.1")) + part(ct_slice("1.3", "1.9.2")) + "--B--";
  const auto answer = send(http::Method::kPost, pattern, {{"study", "1.2"}}, type, body);
  EXPECT_EQ(answer.status, 202);
  EXPECT_THAT(text_of(answer), HasSubstr(std::to_string(archive::failure::kStudyMismatch)));
  EXPECT_EQ(held(), 1U);
  EXPECT_EQ(send(http::Method::kPost, pattern, {{"study", "../etc"}}, type, body).status, 400);
}

TEST_F(StoreRoutes, DeletesAtEachLevelAndSaysWhenNothingIsThere) {
  const std::string study = "/dicom-web/studies/{study}", series = study + "/series/{series}",
                    instance = series + "/instances/{instance}";
  ASSERT_EQ(store(part(ct_slice("1.2", "1.9.1")) + part(ct_slice("1.2", "1.9.2")) + part(ct_slice("1.3", "1.9.3")) +
                  part(ct_slice("1.4", "1.9.4")) + "--B--")
                .status,
            200);
  const auto remove = [&](const std::string& pattern, http::PathParameters parameters) {
    return send(http::Method::kDelete, pattern, std::move(parameters), "", "").status;
  };
  EXPECT_EQ(remove(instance, {{"study", "1.2"}, {"series", "1.2.1"}, {"instance", "1.9.1"}}), 204);
  EXPECT_EQ(held(), 3U);
  EXPECT_EQ(remove(instance, {{"study", "1.2"}, {"series", "1.2.1"}, {"instance", "1.9.1"}}), 404);
  EXPECT_EQ(remove(series, {{"study", "1.3"}, {"series", "1.3.1"}}), 204);
  EXPECT_EQ(remove(study, {{"study", "1.4"}}), 204);
  EXPECT_EQ(held(), 1U);
  EXPECT_EQ(remove(study, {{"study", "1.4"}}), 404);
  EXPECT_EQ(remove(study, {{"study", "a/b"}}), 400);
}

TEST_F(StoreRoutes, AFullServerSaysSoBeforeItReadsTheBody) {
  disk_.stop();  // takes nothing any more, like a full queue
  const auto answer = store(part(ct_slice("1.2", "1.9")) + "--B--");
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.headers.get("Retry-After"));
  EXPECT_EQ(held(), 0U);
}

}  // namespace
}  // namespace gantry::dicomweb
