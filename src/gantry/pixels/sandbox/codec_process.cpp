#include "gantry/pixels/sandbox/codec_process.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string_view>

#include <malloc.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/pixels/local_codec.hpp"
#include "gantry/pixels/sandbox/wire.hpp"

namespace gantry::pixels::sandbox {
namespace {

constexpr int kNiceness = 10;
constexpr rlim_t kMemoryBase = rlim_t{256} << 20;  // this program, its libraries and small frames
// JPEG 2000 holds a sample in several 32-bit words.
constexpr rlim_t kMemoryPerValue = 24;
constexpr std::size_t kTrimAbove = 16U << 20;

void limit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  const rlimit both{soft, hard};
  setrlimit(resource, &both);
}

bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

/// Only what computing needs; everything else fails with EPERM.
bool enter_seccomp() {
  using Filter = Handle<void, &seccomp_release>;
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) return false;
  constexpr int kAllowed[] = {
      SCMP_SYS(read),         SCMP_SYS(write),         SCMP_SYS(recvfrom),      SCMP_SYS(recvmsg),
      SCMP_SYS(sendto),       SCMP_SYS(sendmsg),       SCMP_SYS(mmap),          SCMP_SYS(munmap),
      SCMP_SYS(mremap),       SCMP_SYS(mprotect),      SCMP_SYS(madvise),       SCMP_SYS(brk),
      SCMP_SYS(futex),        SCMP_SYS(exit),          SCMP_SYS(exit_group),    SCMP_SYS(rt_sigreturn),
      SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
      SCMP_SYS(prlimit64),    SCMP_SYS(setrlimit),     SCMP_SYS(getrusage),     SCMP_SYS(sched_yield),
      SCMP_SYS(getrandom),    SCMP_SYS(gettid),        SCMP_SYS(getpid),        SCMP_SYS(tgkill),
  };
  for (const int call : kAllowed) {
    if (seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  return seccomp_load(filter.get()) == 0;
}

bool give_up_rights() {
  prctl(PR_SET_NAME, "gantry-codec");
  if (setpriority(PRIO_PROCESS, 0, kNiceness) != 0 && errno != EPERM && errno != EACCES) return false;
  close_range(kMemoryFd + 1, ~0U, 0);
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_FSIZE, 0, 0);
  limit(RLIMIT_NOFILE, 0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return is_sanitized() || enter_seccomp();
}

/// For the next request: soft limits, below the hard ones that only the server could have raised.
void limit_request(const WireRequest& request, const FrameShape& shape) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  limit(RLIMIT_CPU, seconds + 1 + request.seconds_most, RLIM_INFINITY);
  if (is_sanitized()) return;
  limit(RLIMIT_AS, kMemoryBase + kMemoryPerValue * shape.values() + 2 * request.memory_bytes, RLIM_INFINITY);
}

class SharedMemory {
 public:
  /// Null: it can't be mapped.
  char* map(std::uint64_t bytes) {
    if (bytes == bytes_) return begin_;
    if (begin_ != nullptr) munmap(begin_, static_cast<std::size_t>(bytes_));
    void* const mapped =
        mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, kMemoryFd, 0);
    begin_ = mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
    bytes_ = begin_ == nullptr ? 0 : bytes;
    return begin_;
  }

 private:
  char* begin_ = nullptr;
  std::uint64_t bytes_ = 0;
};

WireReply failure(const Error& error) {
  WireReply reply{};
  reply.error_kind = static_cast<std::int32_t>(error.kind());
  reply.detail.set(error.detail());
  return reply;
}

WireReply answer(const WireRequest& request, SharedMemory& memory) {
  const FrameShape from = from_wire(request.from);
  limit_request(request, from);
  char* const shared = memory.map(request.memory_bytes);
  if (shared == nullptr) return failure(Error::too_large("a frame needs more memory than codecs may use"));
  LocalCodec codec({request.native_bytes_most});
  const std::string_view input(shared, static_cast<std::size_t>(request.input_bytes));
  const std::string to = request.to.get();
  CodecTarget target{to, request.quality};
  if (request.colours != kNoColours) {
    target.colours = static_cast<ColourSpace>(request.colours);
    target.profile = std::string_view(shared + request.input_bytes, static_cast<std::size_t>(request.profile_bytes));
  }
  const auto frame = codec.convert(from, input, target);
  if (!frame) return failure(frame.error());
  if (frame->bytes.size() > request.memory_bytes - request.output_offset) {
    return failure(Error::unsupported("the frame becomes larger than it was, uncompressed"));
  }
  std::memcpy(shared + request.output_offset, frame->bytes.data(), frame->bytes.size());
  WireReply reply{};
  reply.error_kind = kNoError;
  reply.output_bytes = frame->bytes.size();
  reply.shape = to_wire(frame->shape);
  return reply;
}

}  // namespace

int run_codec_process() {
  if (!give_up_rights()) return 1;
  // Large blocks stay with the process between frames instead of being faulted in anew for each.
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
  SharedMemory memory;
  for (;;) {
    WireRequest request{};
    const ssize_t got = recv(kSocketFd, &request, sizeof(request), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof(request))) return got == 0 ? 0 : 1;
    const WireReply reply = answer(request, memory);
    if (request.memory_bytes > kTrimAbove) malloc_trim(0);
    if (send(kSocketFd, &reply, sizeof(reply), MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof(reply))) return 1;
  }
}

}  // namespace gantry::pixels::sandbox
