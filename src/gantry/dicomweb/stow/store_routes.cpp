// POST /studies and /studies/{study} (STOW-RS, PS3.18 §10.5), and DELETE of a study, a series or an instance.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "gantry/archive/delete_service.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/stow/instance_receiver.hpp"
#include "gantry/dicomweb/stow/metadata_receiver.hpp"
#include "gantry/dicomweb/stow/service_root.hpp"
#include "gantry/dicomweb/stow/store_answer.hpp"
#include "gantry/dicomweb/stow/store_request.hpp"

namespace gantry::dicomweb {
namespace {

using http::Request;
using http::Response;
using stow::BodyReceiver;
using Step = BodyReceiver::Step;

stow::BrokenBody broken_body(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kTooLarge: return {413, error.detail()};
    case ErrorKind::kTimeout: return {408, error.detail()};
    case ErrorKind::kUnavailable: return {503, error.detail()};
    case ErrorKind::kInternal: return {500, "the server failed to read the request"};
    default: return {400, error.detail()};
  }
}

/// Moves the body into the receiver, a chunk and a hop to the disk pool at a time. Outcomes come in the order of the
/// parts, because only the oldest is ever awaited.
Task<Result<void>> receive(Services& services, Request& request, std::shared_ptr<BodyReceiver> receiver,
                           std::vector<archive::StoreOutcome>& outcomes) {
  const std::string_view lane = request.context.tenant.view();
  for (;;) {
    auto chunk = co_await request.body->next();
    if (!chunk) co_return std::move(chunk).error();
    if (chunk->empty()) break;
    receiver->feed(*chunk);
    for (;;) {
      auto work = [receiver] { return receiver->advance(); };
      auto step = co_await run_admitted(services.disk_pool, lane, std::move(work));
      if (!step) co_return std::move(step).error();
      if (*step == Step::kNeedMore) break;
      auto oldest = receiver->take_oldest();
      outcomes.push_back(co_await oldest.take());
    }
  }
  for (;;) {
    auto work = [receiver] { return receiver->end(); };
    auto step = co_await run_admitted(services.disk_pool, lane, std::move(work));
    if (!step) co_return std::move(step).error();
    if (*step == Step::kNeedMore) co_return Result<void>();
    auto oldest = receiver->take_oldest();
    outcomes.push_back(co_await oldest.take());
  }
}

Task<Response> store(Services& services, Request& request, std::optional<StudyUid> study) {
  const auto format = stow::answer_format(request);
  if (!format) co_return http::problem(format.error());
  const auto form = stow::body_form(request.headers);
  if (!form) {
    co_return http::problem(form.error().kind() == ErrorKind::kUnsupported ? 415 : 400, form.error().detail());
  }

  // The one step that the disk pool may refuse: before the body is read, so that a full server says 503 at once.
  auto begin = [&services, context = request.context, study, form = *form] {
    if (form.kind != stow::BodyForm::Kind::kInstances) {
      return stow::MetadataReceiver::open(services.store, context, study, form);
    }
    return stow::InstanceReceiver::open(services.store, context, study, form);
  };
  auto receiver = co_await run_on(services.disk_pool, request.context.tenant.view(), std::move(begin));
  if (!receiver) co_return http::problem(receiver.error());

  stow::StoreReport report;
  auto received = co_await receive(services, request, *receiver, report.outcomes);
  if (!received) {
    report.broken = broken_body(received.error());
    auto drop = [kept = *receiver] { kept->abandon(); };
    const auto dropped = co_await run_admitted(services.disk_pool, request.context.tenant.view(), std::move(drop));
    if (!dropped) report.broken = broken_body(dropped.error());
  }
  while ((*receiver)->on_the_way() > 0) {
    auto oldest = (*receiver)->take_oldest();
    report.outcomes.push_back(co_await oldest.take());
  }
  co_return stow::store_answer(report, *format, stow::service_root(services.settings, request), study);
}

Task<Response> store_into_study(Services& services, Request& request) {
  const std::string& study = request.parameter("study");
  if (!is_valid_uid(study)) co_return http::problem(400, "the study in the URL is no UID");
  std::optional<StudyUid> expected(StudyUid{study});
  co_return co_await store(services, request, std::move(expected));
}

Task<Response> remove(Services& services, Request& request) {
  for (const char* const name : {"study", "series", "instance"}) {  // a mount has parameters of its own
    const std::string& value = request.parameter(name);
    const bool named = std::any_of(request.parameters.begin(), request.parameters.end(),
                                   [name](const auto& parameter) { return parameter.first == name; });
    if (named && !is_valid_uid(value)) co_return http::problem(400, std::string("the ") + name + " in the URL is no UID");
  }
  const auto& series = request.parameter("series");
  const auto& instance = request.parameter("instance");
  auto work = [&services, context = request.context, study = StudyUid(request.parameter("study")),
               series_uid = series.empty() ? std::nullopt : std::optional<SeriesUid>(series),
               sop = instance.empty() ? std::nullopt : std::optional<SopUid>(instance)] {
    return services.deletes.remove(context, study, series_uid, sop);
  };
  const auto removed = co_await run_on(services.index_pool, request.context.tenant.view(), std::move(work));
  if (!removed) co_return http::problem(removed.error());
  Response response;
  response.status = 204;
  co_return response;
}

}  // namespace

std::vector<http::Route> store_routes(Services& services) {
  const auto to_any = [&services](Request& request) { return store(services, request, std::nullopt); };
  const auto to_study = [&services](Request& request) { return store_into_study(services, request); };
  const auto away = [&services](Request& request) { return remove(services, request); };
  const std::string studies = services.settings.base_path + "/studies";
  const std::string study = studies + "/{study}";
  const std::string series = study + "/series/{series}";
  using http::Method;
  using http::Permission;
  http::RouteDoc storing;
  storing.section = "10.5";
  storing.consumes = {"multipart/related; type=\"application/dicom\"", "application/dicom",
                      "multipart/related; type=\"application/dicom+json\"",
                      "multipart/related; type=\"application/dicom+xml\""};
  storing.produces = {"application/dicom+json", "application/json", "application/dicom+xml"};
  return {
      {Method::kPost, studies, Permission::kWrite, "Stores instances.", to_any, storing},
      {Method::kPost, study, Permission::kWrite, "Stores instances of one study.", to_study, storing},
      {Method::kDelete, study, Permission::kDelete, "Deletes a study.", away},
      {Method::kDelete, series, Permission::kDelete, "Deletes a series.", away},
      {Method::kDelete, series + "/instances/{instance}", Permission::kDelete, "Deletes an instance.", away},
  };
}

}  // namespace gantry::dicomweb
