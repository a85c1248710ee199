// What a tenant with 16 times the clients does to another's waiting times: the HTTP edge with tenants by header on
// one core, and clients on another, that ask again as soon as they are answered. Each figure is a ratio within one run: the guest's
// 99th percentile while the crowd has 16 clients for each of its own, to the same while the crowd has as many as the guest. The
// same crowd within the guest's own tenant, where nothing protects it, stands beside.
//
//   bench_tenant_fairness [SECONDS]

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/http/server.hpp"

namespace {

using namespace gantry;
using namespace std::chrono_literals;

constexpr int kGuests = 2;
constexpr int kTimes = 16;
constexpr std::size_t kLargeBytes = 512 * 1024;

/// One connection that asks for `path` as `tenant` until `stop`; how long each answer took, in microseconds.
std::vector<double> ask(std::uint16_t port, const std::string& path, const std::string& tenant, const std::atomic<bool>& stop) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: t\r\nx-tenant: " + tenant + "\r\n\r\n";
  std::vector<double> took;
  std::string buffer(256 * 1024, '\0');
  while (!stop) {
    const auto began = std::chrono::steady_clock::now();
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) break;
    std::string head;
    std::size_t body = std::string::npos;
    std::size_t got_body = 0;
    while (body == std::string::npos || got_body < body) {
      const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) return took;
      if (body != std::string::npos) {
        got_body += static_cast<std::size_t>(got);
        continue;
      }
      head.append(buffer.data(), static_cast<std::size_t>(got));
      const auto end = head.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      body = std::strtoull(head.c_str() + head.find("Content-Length: ") + 16, nullptr, 10);
      got_body = head.size() - end - 4;
    }
    took.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count());
  }
  return took;
}

double percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())))];
}

// Clients are other machines: what is measured is the server, so these have a core, and the server has another.
constexpr int kServerCore = 0, kClientsCore = 1;

void stay_on(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  ::sched_setaffinity(0, sizeof cores, &cores);
}

struct Seen {
  double p50 = 0, p99 = 0;
  std::size_t answers = 0;
};

/// The guest's times beside `crowd` clients of `crowd_tenant`.
Seen measure(std::uint16_t port, const std::string& path, int crowd, const std::string& crowd_tenant, std::chrono::milliseconds time) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  std::vector<std::vector<double>> guests(kGuests);
  for (int i = 0; i < crowd; ++i) {
    threads.emplace_back([&] {
      stay_on(kClientsCore);
      ask(port, path, crowd_tenant, stop);
    });
  }
  for (int i = 0; i < kGuests; ++i) {
    threads.emplace_back([&, i] {
      stay_on(kClientsCore);
      // Without the right to do so the figures are too high: the crowd's clients keep the guest's from their core.
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -20);
      guests[i] = ask(port, path, "guest", stop);
    });
  }
  std::this_thread::sleep_for(time);
  stop = true;
  for (auto& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& some : guests) all.insert(all.end(), some.begin(), some.end());
  return {percentile(all, 0.5), percentile(all, 0.99), all.size()};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace gantry::http;
  stay_on(kServerCore);
  const auto time = std::chrono::milliseconds(argc > 1 ? 1000 * std::atoi(argv[1]) : 3000);
  WorkerPool disk("disk", 4, 1000);
  WorkerPool index("index", 4, 1000);
  const auto large = std::make_shared<const std::string>(kLargeBytes, 'x');
  Handler memory = [large](Request&) -> Task<Response> {
    Response response;
    response.headers.add("Content-Type", "application/octet-stream");
    response.body.add(large);
    co_return response;
  };
  // 2 ms of a database's or a disk's time.
  Handler pool = [&index](Request& request) -> Task<Response> {
    auto work = [] { std::this_thread::sleep_for(2ms); };
    auto done = co_await run_on(index, request.context.tenant.view(), std::move(work));
    if (!done) co_return problem(done.error());
    co_return respond(200, "text/plain", "done");
  };
  // 200 us of an io thread's time, as building an answer takes.
  Handler work = [](Request&) -> Task<Response> {
    const auto until = std::chrono::steady_clock::now() + 200us;
    while (std::chrono::steady_clock::now() < until) {
    }
    co_return respond(200, "text/plain", "done");
  };
  ServerHooks hooks;
  hooks.authorize = [](Request& request, Permission) -> Task<std::optional<Response>> {
    request.context.tenant = TenantId(std::string(request.headers.get("x-tenant").value_or("")));
    co_return std::nullopt;
  };
  ServerSettings settings;
  settings.listen = "127.0.0.1:0";
  settings.io_threads = 1;
  Server server(settings,
                Router({{Method::kGet, "/memory", Permission::kRead, "", memory},
                        {Method::kGet, "/pool", Permission::kRead, "", pool},
                        {Method::kGet, "/work", Permission::kRead, "", work}}),
                hooks, disk);
  if (const auto started = server.start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().detail().c_str());
    return 1;
  }
  std::printf("%-8s %28s %28s %28s\n", "path", "crowd 1x: p50, p99 us", "crowd 16x: p50, p99 us", "16x in one tenant");
  for (const char* path : {"/pool", "/work", "/memory"}) {
    measure(server.port(), path, kGuests, "crowd", time / 4);  // warm
    const Seen equal = measure(server.port(), path, kGuests, "crowd", time);
    const Seen crowded = measure(server.port(), path, kGuests * kTimes, "crowd", time);
    const Seen alone = measure(server.port(), path, kGuests * kTimes, "guest", time);
    std::printf("%-8s %13.0f %14.0f %13.0f %14.0f %13.0f %14.0f   p99: %.2f, without turns %.2f\n", path, equal.p50, equal.p99,
                crowded.p50, crowded.p99, alone.p50, alone.p99, crowded.p99 / equal.p99, alone.p99 / equal.p99);
  }
  server.stop(std::chrono::seconds(0));
  return 0;
}
