#include "gantry/dicomweb/wado/instance_path.hpp"

#include <utility>

#include "gantry/archive/retrieve_service.hpp"

namespace gantry::dicomweb::wado {

std::string InstancePath::to_string() const {
  std::string text = "/studies/" + study.str();
  if (series) text += "/series/" + series->str();
  if (sop) text += "/instances/" + sop->str();
  return text;
}

Result<InstancePath> instance_path(const http::Request& request) {
  InstancePath path;
  const auto& study = request.parameter("study");
  const auto& series = request.parameter("series");
  const auto& instance = request.parameter("instance");
  if (!is_valid_uid(study)) return Error::invalid("the study in the URL is no UID");
  path.study = StudyUid(study);
  if (!series.empty()) {
    if (!is_valid_uid(series)) return Error::invalid("the series in the URL is no UID");
    path.series = SeriesUid(series);
  }
  if (!instance.empty()) {
    if (!is_valid_uid(instance)) return Error::invalid("the instance in the URL is no UID");
    path.sop = SopUid(instance);
  }
  return path;
}

archive::ListedInstance listed(const archive::LocatedInstance& instance) {
  return {instance.series, instance.sop, instance.transfer_syntax, instance.object_key, instance.size};
}

Task<Result<archive::InstancePtr>> find_instance(Services& services, const RequestContext& context,
                                                 const InstancePath& path) {
  auto warm = co_await services.retrieves.find(context, path.study, *path.series, *path.sop);
  if (!warm || (*warm && (*warm)->file)) co_return warm;
  auto work = [&services, context, path, found = *std::move(warm)] {
    return services.retrieves.locate(context, path.study, *path.series, *path.sop, found);
  };
  co_return co_await run_on(services.disk_pool, context.tenant.view(), std::move(work));
}

}  // namespace gantry::dicomweb::wado
