#include "gantry/dicomweb/wado/instance_body.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/wado/pixel_streams.hpp"
#include "gantry/dicomweb/wado/zip_stream.hpp"

namespace gantry::dicomweb::wado {
namespace {

constexpr std::uint64_t kPreambleBytes = 128;

/// An object's bytes as they go out, as a stream.
Result<std::shared_ptr<ByteStream>> open_stream(std::shared_ptr<const OpenFile> file, Delivery delivery,
                                                bool sanitize) {
  std::shared_ptr<ByteStream> stream;
  if (delivery == Delivery::kExplicit) {
    GANTRY_LET(stream, dicom::to_explicit_little_endian(std::move(file)));
  } else {
    const std::uint64_t size = file->size();
    stream = range_stream(std::move(file), {{0, size}});
  }
  return sanitize ? without_preamble(std::move(stream)) : stream;
}

struct OpenedInstance {
  std::shared_ptr<ByteStream> stream;
  std::string transfer_syntax;
  archive::RenditionPtr kept;  ///< what `stream` reads, when it lies ready in a file
};

Result<OpenedInstance> open_in(std::shared_ptr<const OpenFile> file, const std::string& stored, Delivery delivery,
                               bool sanitize) {
  OpenedInstance opened;
  GANTRY_LET(opened.stream, open_stream(std::move(file), delivery, sanitize));
  opened.transfer_syntax = delivered_syntax(stored, delivery, "");
  return opened;
}

/// Beginning with its first frame, so that what can't be decoded is known here.
Result<OpenedInstance> open_transcoded(archive::PixelService& pixels, const archive::InstancePtr& instance,
                                       const SyntaxWish& wish, bool sanitize) {
  const std::string& stored = instance->transfer_syntax;
  const std::string target = wish.empty() ? std::string(dicom::kExplicitLittleEndian) : wish;
  if (auto kept = pixels.kept(*instance, target)) {
    OpenedInstance opened{range_stream(kept->file, {{0, kept->size}}), target, kept};
    if (sanitize) opened.stream = without_preamble(std::move(opened.stream));
    return opened;
  }
  const auto image = pixels.image(*instance);
  if (!image && image.error().kind() == ErrorKind::kNotFound) {
    const bool re_encode = can_be_reencoded(stored);
    return open_in(instance->file, stored, re_encode ? Delivery::kExplicit : Delivery::kStored, sanitize);
  }
  if (!image) return image.error();
  if (!pixels::can_encode((*image)->shape, target)) {
    return Error::unsupported("pixels of this kind can't be had in transfer syntax " + target);
  }
  OpenedInstance opened;
  GANTRY_LET(opened.stream, pixels.transcode(instance, *image, target));
  if (sanitize) opened.stream = without_preamble(std::move(opened.stream));
  opened.transfer_syntax = target;
  return opened;
}

/// An error that says of these pixels that they can't be had so, rather than that something is out of order.
bool is_of_pixels(const Error& error) {
  return error.kind() == ErrorKind::kInvalid || error.kind() == ErrorKind::kUnsupported ||
         error.kind() == ErrorKind::kTooLarge;
}

/// For clients without a wish: what can't be decoded goes out as stored (PS3.18 §8.7.3).
Result<OpenedInstance> open_by_default(archive::PixelService& pixels, const archive::InstancePtr& instance,
                                       bool sanitize) {
  auto opened = open_transcoded(pixels, instance, "", sanitize);
  if (opened || !is_of_pixels(opened.error())) return opened;
  return open_in(instance->file, instance->transfer_syntax, Delivery::kStored, sanitize);
}

/// For lists: the nearest that can be had.
Result<OpenedInstance> open_nearest(archive::PixelService& pixels, const archive::InstancePtr& instance,
                                    const SyntaxWish& wish, bool sanitize) {
  if (!wish.empty()) {
    auto opened = open_transcoded(pixels, instance, wish, sanitize);
    if (opened || !is_of_pixels(opened.error())) return opened;
    if (can_be_reencoded(instance->transfer_syntax)) {
      return open_in(instance->file, instance->transfer_syntax, Delivery::kExplicit, sanitize);
    }
    if (pixels::is_native(instance->transfer_syntax)) {
      return open_in(instance->file, instance->transfer_syntax, Delivery::kStored, sanitize);
    }
  }
  return open_by_default(pixels, instance, sanitize);
}

/// One of a list. `delivery` is what `wish` comes to for its transfer syntax.
Result<OpenedInstance> open_listed(Services& services, const RequestContext& context, const StudyUid& study,
                                   const archive::ListedInstance& instance, Delivery delivery, const SyntaxWish& wish) {
  const bool sanitize = services.settings.sanitize_preamble;
  if (delivery == Delivery::kTranscoded) {
    GANTRY_LET(const auto located, services.retrieves.locate(context, study, instance.series, instance.sop));
    return open_nearest(*services.pixels, located, wish, sanitize);
  }
  GANTRY_LET(auto file, services.retrieves.open(context, instance));
  return open_in(std::move(file), instance.transfer_syntax, delivery, sanitize);
}

Result<std::shared_ptr<ByteStream>> stream_of(Result<OpenedInstance> opened) {
  if (!opened) return std::move(opened).error();
  return std::move(opened->stream);
}

/// Of a long list only its beginning is known: what follows may have to be transcoded.
bool transcodes_any(const archive::InstanceList& list, const SyntaxWish& wish, const DeliveryRules& rules) {
  if (!rules.codecs) return false;
  return list.more != nullptr ||
         std::any_of(list.first.begin(), list.first.end(), [&](const archive::ListedInstance& instance) {
           return delivery_of(instance.transfer_syntax, wish, rules) == Delivery::kTranscoded;
         });
}

std::string location_of(const std::string& study_root, const archive::ListedInstance& instance) {
  return study_root + "/series/" + instance.series.str() + "/instances/" + instance.sop.str();
}

class PartsStream final : public ByteStream {
 public:
  PartsStream(Services& services, RequestContext context, StudyUid study, archive::InstanceList list, SyntaxWish wish,
              std::string study_root, MultipartPlan parts)
      : services_(services),
        context_(std::move(context)),
        study_(std::move(study)),
        list_(std::move(list)),
        wish_(std::move(wish)),
        study_root_(std::move(study_root)),
        parts_(std::move(parts)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    for (;;) {
      if (sent_ < text_.size()) {
        const std::size_t count = std::min(into.size(), text_.size() - sent_);
        std::memcpy(into.data(), text_.data() + sent_, count);
        sent_ += count;
        return count;
      }
      if (body_ != nullptr) {
        GANTRY_LET(const std::size_t count, body_->read(into));
        if (count > 0) return count;
        body_ = nullptr;
      }
      if (closed_) return std::size_t{0};
      GANTRY_TRY(open_next());
    }
  }

 private:
  Result<void> open_next() {
    std::optional<archive::ListedInstance> instance;
    if (next_ < list_.first.size()) {
      instance = std::move(list_.first[next_++]);
    } else if (list_.more != nullptr) {
      GANTRY_LET(instance, list_.more->next());
    }
    sent_ = 0;
    if (!instance) {
      text_ = parts_.closing();
      closed_ = true;
      return {};
    }
    const auto delivery = delivery_of(instance->transfer_syntax, wish_, delivery_rules(services_));
    if (!delivery) return Error::unavailable("the study changed while it was being sent");
    GANTRY_LET(OpenedInstance opened, open_listed(services_, context_, study_, *instance, *delivery, wish_));
    body_ = std::move(opened.stream);
    text_ = parts_.part_head("application/dicom", opened.transfer_syntax, location_of(study_root_, *instance));
    return {};
  }

  Services& services_;
  RequestContext context_;
  StudyUid study_;
  archive::InstanceList list_;
  SyntaxWish wish_;
  std::string study_root_;
  MultipartPlan parts_;
  std::size_t next_ = 0;
  std::string text_;
  std::size_t sent_ = 0;
  std::shared_ptr<ByteStream> body_;
  bool closed_ = false;
};

}  // namespace

Task<Result<std::string>> add_instance(Services& services, const RequestContext& context, archive::InstancePtr instance,
                                       Delivery delivery, const SyntaxWish& wish, http::BodyPlan& plan) {
  const bool sanitize = services.settings.sanitize_preamble;
  if (delivery == Delivery::kStored) {
    const std::uint64_t blank = sanitize ? std::min(kPreambleBytes, instance->size) : 0;
    if (blank > 0) plan.add(std::string(static_cast<std::size_t>(blank), '\0'));
    plan.add(http::FileRange{instance->file, blank, instance->size - blank});
    co_return instance->transfer_syntax;
  }
  auto work = [&services, instance, delivery, wish, sanitize] {
    if (delivery != Delivery::kTranscoded) {
      return open_in(instance->file, instance->transfer_syntax, delivery, sanitize);
    }
    return wish.empty() ? open_by_default(*services.pixels, instance, sanitize)
                        : open_transcoded(*services.pixels, instance, wish, sanitize);
  };
  WorkerPool* const pool = delivery == Delivery::kTranscoded ? &services.pixels->pool() : nullptr;
  auto opened = co_await run_on(pool != nullptr ? *pool : services.disk_pool, context.tenant.view(), std::move(work));
  if (!opened) {
    // What is wrong with an object's pixels is not the asker's fault, and asking otherwise helps.
    const bool of_pixels = pool != nullptr && is_of_pixels(opened.error());
    co_return of_pixels ? Error::unsupported(opened.error().detail() + ". " + no_decoder_hint())
                        : std::move(opened).error();
  }
  if (opened->kept != nullptr && !sanitize) {
    plan.add(http::FileRange{opened->kept->file, 0, opened->kept->size});
  } else {
    plan.add(http::Produced{std::move(opened->stream), std::nullopt, pool});
  }
  co_return opened->transfer_syntax;
}

InstanceParts instance_zip(Services& services, const RequestContext& context, const StudyUid& study,
                           archive::InstanceList list, const SyntaxWish& wish) {
  const DeliveryRules rules = delivery_rules(services);
  const auto name_of = [](const archive::ListedInstance& instance) {
    return instance.series.str() + "/" + instance.sop.str() + ".dcm";
  };
  InstanceParts made;
  std::vector<std::pair<std::size_t, std::uint64_t>> sizes;
  for (const auto& instance : list.first) {
    if (delivery_of(instance.transfer_syntax, wish, rules) != Delivery::kStored) break;
    sizes.emplace_back(name_of(instance).size(), instance.size);
  }
  if (sizes.size() == list.first.size()) made.length = zip_length(sizes);
  if (transcodes_any(list, wish, rules)) made.pool = &services.pixels->pool();
  auto next = [&services, context, study, list = std::move(list), wish, rules, name_of,
               i = std::size_t{0}]() mutable -> Result<std::optional<ZipEntry>> {
    if (i == list.first.size()) return std::optional<ZipEntry>();
    const archive::ListedInstance instance = list.first[i++];
    const auto delivery = delivery_of(instance.transfer_syntax, wish, rules);
    if (!delivery) return Error::unavailable("the study changed while it was being sent");
    ZipEntry entry;
    entry.name = name_of(instance);
    entry.open = [&services, context, study, instance, how = *delivery, wish] {
      return stream_of(open_listed(services, context, study, instance, how, wish));
    };
    if (*delivery == Delivery::kTranscoded) {
      entry.open_otherwise = [&services, context, study, instance, wish] {
        return stream_of(open_listed(services, context, study, instance, Delivery::kStored, wish));
      };
    }
    return std::optional(std::move(entry));
  };
  made.stream = zip_stream(std::move(next));
  return made;
}

InstanceParts instance_parts(Services& services, const RequestContext& context, const StudyUid& study,
                             archive::InstanceList list, const SyntaxWish& wish, const std::string& study_root,
                             MultipartPlan parts) {
  InstanceParts made;
  const DeliveryRules rules = delivery_rules(services);
  const bool as_stored =
      list.more == nullptr &&
      std::all_of(list.first.begin(), list.first.end(), [&](const archive::ListedInstance& instance) {
        return delivery_of(instance.transfer_syntax, wish, rules) == Delivery::kStored;
      });
  if (as_stored) {
    MultipartPlan measured = parts;
    std::uint64_t length = measured.closing().size();
    for (const auto& instance : list.first) {
      length +=
          measured.part_head("application/dicom", instance.transfer_syntax, location_of(study_root, instance)).size();
      length += instance.size;
    }
    made.length = length;
  }
  if (transcodes_any(list, wish, rules)) made.pool = &services.pixels->pool();
  made.stream =
      std::make_shared<PartsStream>(services, context, study, std::move(list), wish, study_root, std::move(parts));
  return made;
}

}  // namespace gantry::dicomweb::wado
