#include "gantry/dicomweb/stow/metadata_receiver.hpp"

#include <algorithm>
#include <cctype>
#include <utility>
#include <variant>

#include "gantry/http/media_type.hpp"

namespace gantry::dicomweb::stow {

using archive::StoreOutcome;

namespace {

constexpr std::size_t kCopiedBytes = 256 << 10;

/// Gives the pieces of a file to an upload, until it wants no more. kUnavailable: a part can't be read back.
Result<void> send(const std::vector<FilePiece>& pieces, const OpenFile* bytes, archive::InstanceUpload& upload) {
  std::vector<std::byte> buffer;
  for (const auto& piece : pieces) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      if (!upload.write(std::as_bytes(std::span(*text)))) return {};
      continue;
    }
    auto range = std::get<dicom::ByteRange>(piece);
    while (range.length > 0) {
      buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(range.length, kCopiedBytes)));
      GANTRY_LET(const std::size_t got, bytes->read_at(range.offset, buffer));
      if (got == 0) return Error::unavailable("a staged part ended early");
      if (!upload.write(std::span(buffer).first(got))) return {};
      range.offset += got;
      range.length -= got;
    }
  }
  return {};
}

std::string listed(const std::vector<dicom::Tag>& tags) {
  std::string words;
  for (const auto& tag : tags) words += (words.empty() ? " (" : ", (") + dicom::to_hex8(tag).insert(4, 1, ',') + ")";
  return words;
}

StoreOutcome failed(const MetadataSet& metadata, std::uint16_t reason, std::string detail, bool try_later = false) {
  StoreOutcome outcome;
  outcome.failure_reason = reason;
  outcome.detail = std::move(detail);
  outcome.try_later = try_later;
  if (const auto sop = first_value(metadata, dicom::Tag(0x00080018)); is_valid_uid(sop)) outcome.sop = SopUid(sop);
  if (const auto kind = first_value(metadata, dicom::Tag(0x00080016)); is_valid_uid(kind)) outcome.sop_class = kind;
  return outcome;
}

}  // namespace

Result<std::shared_ptr<BodyReceiver>> MetadataReceiver::open(archive::StoreService& store, RequestContext context,
                                                             std::optional<StudyUid> expected, const BodyForm& form) {
  GANTRY_LET(auto parser, http::MultipartParser::create(form.boundary, http::MultipartLimits{}));
  return std::shared_ptr<BodyReceiver>(
      new MetadataReceiver(store, std::move(context), std::move(expected), form, std::move(parser)));
}

MetadataReceiver::MetadataReceiver(archive::StoreService& store, RequestContext context,
                                   std::optional<StudyUid> expected, const BodyForm& form, http::MultipartParser parser)
    : BodyReceiver(store, std::move(context), std::move(expected)),
      kind_(form.kind),
      parser_(std::move(parser)),
      memory_(store.memory()) {}

Result<BodyReceiver::Step> MetadataReceiver::advance() {
  using Event = http::MultipartParser::Event;
  for (;;) {
    GANTRY_LET(const Event event, parser_.next());
    switch (event) {
      case Event::kNeedMore:
      case Event::kEnd: return Step::kNeedMore;
      case Event::kPartBegin: GANTRY_TRY(begin_part()); break;
      case Event::kPartData: GANTRY_TRY(take(parser_.data())); break;
      case Event::kPartEnd: part_ = nullptr; break;
    }
  }
}

Result<void> MetadataReceiver::begin_part() {
  const auto& headers = parser_.headers();
  const auto type = http::parse_media_type(headers.get("Content-Type").value_or("application/octet-stream"));
  if (!type) return Error::invalid("a part's Content-Type can't be read");
  const std::string media_type = type->essence();
  in_metadata_ = media_type == "application/dicom+json" || media_type == "application/json" ||
                 media_type == "application/dicom+xml";
  if (in_metadata_) {
    const bool xml = media_type == "application/dicom+xml";
    if (xml != (kind_ == BodyForm::Kind::kXml)) {
      return Error::invalid("a part holds " + media_type + ", but the request's type says otherwise");
    }
    documents_.emplace_back();
    return {};
  }
  const auto location = headers.get("Content-Location");
  if (!location || location->empty()) {
    return Error::invalid("a bulk data part has no Content-Location, so no BulkDataURI can mean it (PS3.18 §10.5.1.2)");
  }
  GANTRY_TRY(hold(sizeof(BulkPart) + location->size()));
  auto& parts = parts_[std::string(*location)];
  BulkPart part;
  part.media_type = media_type;
  part.transfer_syntax = type->parameter("transfer-syntax").value_or("");
  part.range = {bulk_bytes_, 0};
  parts.push_back(std::move(part));
  part_ = &parts.back();
  if (staged_ == nullptr) {
    GANTRY_LET(staged_, store_.stage(context_));
  }
  return {};
}

/// What is held counts, and so does reading it: a document takes several times its size while it is read.
Result<void> MetadataReceiver::hold(std::size_t bytes) {
  constexpr std::uint64_t kTimes = 4;
  metadata_bytes_ += bytes;
  if (memory_.resize(kTimes * metadata_bytes_)) return {};
  return Error::unavailable("too much arrives at the same time: send it again later");
}

Result<void> MetadataReceiver::take(std::span<const std::byte> bytes) {
  if (in_metadata_) {
    if (metadata_bytes_ + bytes.size() > kMetadataBytesMost) {
      return Error::too_large("the metadata of one request is over the limit of " + std::to_string(kMetadataBytesMost) +
                              " bytes: send the instances in several requests");
    }
    GANTRY_TRY(hold(bytes.size()));
    documents_.back().append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  if (part_ == nullptr) return {};
  GANTRY_TRY(staged_->write(bytes));
  part_->range.length += bytes.size();
  bulk_bytes_ += bytes.size();
  return {};
}

Result<void> MetadataReceiver::read_metadata() {
  if (staged_ != nullptr) {
    GANTRY_LET(bytes_, store_.open_staged(context_, std::move(staged_)));
  }
  for (const auto& document : documents_) {
    if (kind_ == BodyForm::Kind::kXml) {
      instances_.push_back(document);
      continue;
    }
    GANTRY_LET(const auto objects, split_json(document));
    instances_.insert(instances_.end(), objects.begin(), objects.end());
  }
  left_ = 2 * bulk_bytes_;  // a value may be shared, such as a palette
  read_ = true;
  return {};
}

Result<BodyReceiver::Step> MetadataReceiver::end() {
  if (!read_) {
    GANTRY_TRY(parser_.finish());
    GANTRY_TRY(read_metadata());
  }
  while (next_ < instances_.size()) {
    if (on_the_way() >= kOnTheWayMost) return Step::kTooManyOnTheWay;
    GANTRY_LET(const bool done, store_next());
    if (!done) return Step::kTooManyOnTheWay;
    ++next_;
  }
  return Step::kNeedMore;
}

/// False when it must be tried again after one of this request's own instances is settled.
Result<bool> MetadataReceiver::store_next() {
  auto metadata = kind_ == BodyForm::Kind::kXml ? parse_xml(instances_[next_]) : parse_json(instances_[next_]);
  if (!metadata) {
    settle(failed({}, archive::failure::kUnreadable, metadata.error().detail()));
    return true;
  }
  auto upload = store_.begin(context_, expected_);
  if (!upload) {
    const bool passes = upload.error().kind() == ErrorKind::kUnavailable;
    if (passes && on_the_way() > 0) return false;
    settle(failed(*metadata, passes ? archive::failure::kResources : archive::failure::kProcessing,
                  passes ? upload.error().detail() : "the server failed to begin this instance", passes));
    return true;
  }
  auto made = make_instance(*metadata, parts_, bytes_.get(), left_);
  if (!made) {
    const bool unknown = made.error().kind() == ErrorKind::kUnsupported;
    const bool wrong = made.error().kind() == ErrorKind::kInvalid;
    settle(failed(*metadata,
                  unknown ? archive::failure::kTransferSyntax
                  : wrong ? archive::failure::kUnreadable
                          : archive::failure::kResources,
                  made.error().detail(), !unknown && !wrong));
    return true;
  }
  if (!made->discarded.empty()) {
    (*upload)->warn(archive::warning::kDiscarded, "no data set can have" + listed(made->discarded) + ": left out");
  }
  if (!made->contradicted.empty()) {
    (*upload)->warn(archive::warning::kMismatch,
                    "the image says otherwise than the metadata's" + listed(made->contradicted));
  }
  if (const auto sent = send(made->pieces, bytes_.get(), **upload); !sent) {
    settle(failed(*metadata, archive::failure::kResources, "the server could not read a part back", true));
    return true;
  }
  await((*upload)->finish());
  return true;
}

void MetadataReceiver::abandon() {
  staged_.reset();
  instances_.clear();
  next_ = 0;
}

}  // namespace gantry::dicomweb::stow
