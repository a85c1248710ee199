#include "gantry/dicomweb/stow/instance_receiver.hpp"

#include <string>
#include <utility>

namespace gantry::dicomweb::stow {

using archive::StoreOutcome;

Result<std::shared_ptr<BodyReceiver>> InstanceReceiver::open(archive::StoreService& store, RequestContext context,
                                                             std::optional<StudyUid> expected, const BodyForm& form) {
  std::shared_ptr<InstanceReceiver> receiver(new InstanceReceiver(store, std::move(context), std::move(expected)));
  if (form.multipart) {
    GANTRY_LET(auto parser, http::MultipartParser::create(form.boundary, http::MultipartLimits{}));
    receiver->parser_.emplace(std::move(parser));
  }
  return std::shared_ptr<BodyReceiver>(std::move(receiver));
}

InstanceReceiver::InstanceReceiver(archive::StoreService& store, RequestContext context,
                                   std::optional<StudyUid> expected)
    : BodyReceiver(store, std::move(context), std::move(expected)) {}

void InstanceReceiver::feed(std::span<const std::byte> bytes) {
  if (parser_) {
    parser_->feed(bytes);
    return;
  }
  single_ = bytes;
  if (!any_byte_ && !bytes.empty()) begin_due_ = any_byte_ = true;
}

Result<BodyReceiver::Step> InstanceReceiver::advance() {
  using Event = http::MultipartParser::Event;
  if (!parser_) {
    if (begin_due_ && !begin_instance()) return Step::kTooManyOnTheWay;
    write(std::exchange(single_, {}));
    return Step::kNeedMore;
  }
  for (;;) {
    if (begin_due_ && !begin_instance()) return Step::kTooManyOnTheWay;
    GANTRY_LET(const Event event, parser_->next());
    switch (event) {
      case Event::kNeedMore: return Step::kNeedMore;
      case Event::kPartBegin: begin_due_ = true; break;
      case Event::kPartData: write(parser_->data()); break;
      case Event::kPartEnd: finish_instance(); break;
      case Event::kEnd: return Step::kNeedMore;
    }
  }
}

Result<BodyReceiver::Step> InstanceReceiver::end() {
  if (!parser_) {
    if (any_byte_) finish_instance();
    return Step::kNeedMore;
  }
  if (auto finished = parser_->finish(); !finished) {
    abandon();
    return std::move(finished).error();
  }
  return Step::kNeedMore;
}

void InstanceReceiver::abandon() {
  upload_.reset();
  begin_due_ = false;
}

/// False when it must be tried again after one of this request's own instances is settled.
bool InstanceReceiver::begin_instance() {
  if (on_the_way() >= kOnTheWayMost) return false;
  skip_rest_ = false;
  if (parser_ && !holds_an_instance(parser_->headers())) {
    begin_due_ = false;
    StoreOutcome outcome;
    outcome.failure_reason = archive::failure::kUnreadable;
    outcome.detail = "the part's Content-Type is \"" + std::string(*parser_->headers().get("Content-Type")) +
                     "\"; only application/dicom can be stored";
    fail(std::move(outcome));
    return true;
  }
  auto upload = store_.begin(context_, expected_);
  if (!upload) {
    const bool passes = upload.error().kind() == ErrorKind::kUnavailable;
    // The budget may be held by this very request: its instances give back what they hold when they are committed.
    if (passes && on_the_way() > 0) return false;
    StoreOutcome outcome;
    outcome.failure_reason = passes ? archive::failure::kResources : archive::failure::kProcessing;
    outcome.detail = upload.error().kind() == ErrorKind::kInternal ? "the server failed to begin this instance"
                                                                   : upload.error().detail();
    outcome.try_later = passes;
    fail(std::move(outcome));
  } else {
    upload_ = *std::move(upload);
  }
  begin_due_ = false;
  return true;
}

void InstanceReceiver::write(std::span<const std::byte> bytes) {
  if (upload_ && !skip_rest_ && !bytes.empty() && !upload_->write(bytes)) skip_rest_ = true;
}

void InstanceReceiver::finish_instance() {
  if (!upload_) return;  // it failed at its beginning, and said so
  await(upload_->finish());
  upload_.reset();
}

void InstanceReceiver::fail(StoreOutcome outcome) {
  upload_.reset();
  settle(std::move(outcome));
}

}  // namespace gantry::dicomweb::stow
