// The HTTP edge alone, to hold against nginx: /hello from memory and /file by sendfile. Prints its port and serves
// until its standard input ends.
//
//   bench_http_hello FILE
//   wrk -t2 -c32 http://127.0.0.1:PORT/hello

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/http/server.hpp"

namespace {

class File final : public gantry::OpenFile {
 public:
  explicit File(const char* path) : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (fd_ && ::fstat(fd_.get(), &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  gantry::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0) return gantry::Error::internal("pread failed");
    return static_cast<std::size_t>(got);
  }
  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }

 private:
  gantry::UniqueFd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace gantry::http;
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_http_hello FILE\n");
    return 2;
  }
  const auto file = std::make_shared<File>(argv[1]);
  gantry::WorkerPool disk("disk", 16, 1000);
  Handler hello = [](Request&) -> gantry::Task<Response> { co_return respond(200, "text/plain", "hello, world"); };
  Handler download = [file](Request&) -> gantry::Task<Response> {
    Response response;
    response.headers.add("Content-Type", "application/octet-stream");
    response.headers.add("ETag", "\"1\"");
    response.ranges = true;
    response.body.add(FileRange{file, 0, file->size()});
    co_return response;
  };
  Handler upload = [](Request& request) -> gantry::Task<Response> {
    std::uint64_t total = 0;
    for (;;) {
      auto piece = co_await request.body->next();
      if (!piece) co_return problem(piece.error());
      if (piece->empty()) break;
      total += piece->size();
    }
    co_return respond(200, "text/plain", std::to_string(total));
  };
  ServerSettings settings;
  settings.listen = "127.0.0.1:0";
  Server server(settings,
                Router({{Method::kGet, "/hello", Permission::kPublic, "", hello},
                        {Method::kGet, "/file", Permission::kPublic, "", download},
                        {Method::kPost, "/upload", Permission::kPublic, "", upload}}),
                {}, disk);
  const auto started = server.start();
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().detail().c_str());
    return 1;
  }
  std::printf("%u\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server.stop(std::chrono::seconds(1));
  return 0;
}
