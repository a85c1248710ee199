#include "gantry/dicomweb/wado/instance_body.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gantry/dicom/explicit_le.hpp"
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

std::string location_of(const std::string& study_root, const archive::ListedInstance& instance) {
  return study_root + "/series/" + instance.series.str() + "/instances/" + instance.sop.str();
}

class PartsStream final : public ByteStream {
 public:
  PartsStream(Services& services, RequestContext context, archive::InstanceList list, SyntaxWish wish,
              std::string study_root, MultipartPlan parts)
      : services_(services),
        context_(std::move(context)),
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
    const auto& settings = services_.settings;
    const auto delivery = delivery_of(instance->transfer_syntax, wish_, settings.strict_transfer_syntax);
    if (!delivery) return Error::unavailable("the study changed while it was being sent");
    GANTRY_LET(auto file, services_.retrieves.open(context_, *instance));
    GANTRY_LET(body_, open_stream(std::move(file), *delivery, settings.sanitize_preamble));
    text_ = parts_.part_head("application/dicom", delivered_syntax(instance->transfer_syntax, *delivery),
                             location_of(study_root_, *instance));
    return {};
  }

  Services& services_;
  RequestContext context_;
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

Task<Result<void>> add_instance(Services& services, const RequestContext& context, archive::InstancePtr instance,
                                Delivery delivery, http::BodyPlan& plan) {
  const bool sanitize = services.settings.sanitize_preamble;
  if (delivery == Delivery::kStored) {
    const std::uint64_t blank = sanitize ? std::min(kPreambleBytes, instance->size) : 0;
    if (blank > 0) plan.add(std::string(static_cast<std::size_t>(blank), '\0'));
    plan.add(http::FileRange{instance->file, blank, instance->size - blank});
    co_return Result<void>();
  }
  auto work = [file = instance->file, sanitize] { return open_stream(file, Delivery::kExplicit, sanitize); };
  auto stream = co_await run_on(services.disk_pool, context.tenant.view(), std::move(work));
  if (!stream) co_return std::move(stream).error();
  plan.add(http::Produced{*std::move(stream), std::nullopt});
  co_return Result<void>();
}

InstanceParts instance_zip(Services& services, const RequestContext& context, archive::InstanceList list,
                           const SyntaxWish& wish) {
  const bool strict = services.settings.strict_transfer_syntax, sanitize = services.settings.sanitize_preamble;
  const auto name_of = [](const archive::ListedInstance& instance) {
    return instance.series.str() + "/" + instance.sop.str() + ".dcm";
  };
  InstanceParts made;
  std::vector<std::pair<std::size_t, std::uint64_t>> sizes;
  for (const auto& instance : list.first) {
    if (delivery_of(instance.transfer_syntax, wish, strict) != Delivery::kStored) break;
    sizes.emplace_back(name_of(instance).size(), instance.size);
  }
  if (sizes.size() == list.first.size()) made.length = zip_length(sizes);
  auto next = [&services, context, list = std::move(list), wish, strict, sanitize, name_of,
               i = std::size_t{0}]() mutable -> Result<std::optional<ZipEntry>> {
    if (i == list.first.size()) return std::optional<ZipEntry>();
    const archive::ListedInstance& instance = list.first[i++];
    const auto delivery = delivery_of(instance.transfer_syntax, wish, strict);
    if (!delivery) return Error::unavailable("the study changed while it was being sent");
    GANTRY_LET(auto file, services.retrieves.open(context, instance));
    ZipEntry entry;
    entry.name = name_of(instance);
    entry.open = [file = std::move(file), how = *delivery, sanitize] { return open_stream(file, how, sanitize); };
    return std::optional(std::move(entry));
  };
  made.stream = zip_stream(std::move(next));
  return made;
}

InstanceParts instance_parts(Services& services, const RequestContext& context, archive::InstanceList list,
                             const SyntaxWish& wish, const std::string& study_root, MultipartPlan parts) {
  InstanceParts made;
  const bool strict = services.settings.strict_transfer_syntax;
  const bool as_stored =
      list.more == nullptr &&
      std::all_of(list.first.begin(), list.first.end(), [&](const archive::ListedInstance& instance) {
        return delivery_of(instance.transfer_syntax, wish, strict) == Delivery::kStored;
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
  made.stream = std::make_shared<PartsStream>(services, context, std::move(list), wish, study_root, std::move(parts));
  return made;
}

}  // namespace gantry::dicomweb::wado
