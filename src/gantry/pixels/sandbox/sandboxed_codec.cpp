#include "gantry/pixels/sandbox/sandboxed_codec.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/pixels/sandbox/wire.hpp"

namespace gantry::pixels {

using sandbox::WireReply;
using sandbox::WireRequest;

namespace {

constexpr std::uint64_t kKeptBytes = 32U << 20;
constexpr std::uint64_t kPage = 4096;

std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) return "it took too much time";
  if (WIFSIGNALED(status)) return "its decoder died of signal " + std::to_string(WTERMSIG(status));
  return "its decoder gave up";
}

}  // namespace

/// One child, its socket and the memory shared with it.
class SandboxedCodec::Process {
 public:
  static Result<std::unique_ptr<Process>> start(const std::vector<std::string>& command) {
    auto process = std::make_unique<Process>();
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
      return Error::from_errno(errno, "a codec process's socket");
    }
    process->socket_ = UniqueFd(pair[0]);
    const UniqueFd theirs(pair[1]);
    process->memory_ = UniqueFd(memfd_create("gantry-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!process->memory_) return Error::from_errno(errno, "memory shared with a codec process");
    // A process that made it smaller would kill its reader.
    if (fcntl(process->memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
      return Error::from_errno(errno, "memory shared with a codec process");
    }
    // Not the numbers that the child finds them at: dup2 onto itself would leave it closed.
    const UniqueFd socket(fcntl(theirs.get(), F_DUPFD_CLOEXEC, 16));
    const UniqueFd memory(fcntl(process->memory_.get(), F_DUPFD_CLOEXEC, 16));
    if (!socket || !memory) return Error::from_errno(errno, "a codec process's descriptors");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int standard : {0, 1, 2}) posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, socket.get(), sandbox::kSocketFd);
    posix_spawn_file_actions_adddup2(&actions, memory.get(), sandbox::kMemoryFd);
    // The server's threads block signals in their own ways.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    char* const environment[] = {nullptr};
    const int failed = posix_spawn(&process->pid_, command.front().c_str(), &actions, &attributes, arguments.data(),
                                   environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
      process->pid_ = -1;
      return Error::unavailable("a codec process can't be started: " + std::string(std::strerror(failed)));
    }
    return process;
  }

  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      reap();
    }
    if (shared_ != nullptr) munmap(shared_, static_cast<std::size_t>(mapped_));
  }

  /// Room for a request: input from the beginning, output behind it. Null when there is none.
  Result<char*> room(std::uint64_t bytes) {
    if (bytes <= mapped_) return shared_;
    const std::uint64_t wanted = whole_pages(bytes);
    if (ftruncate(memory_.get(), static_cast<off_t>(wanted)) != 0) {
      return Error::from_errno(errno, "memory shared with a codec process");
    }
    if (shared_ != nullptr) munmap(shared_, static_cast<std::size_t>(mapped_));
    mapped_ = 0;
    void* const mapped =
        mmap(nullptr, static_cast<std::size_t>(wanted), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    shared_ = mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
    if (shared_ == nullptr) return Error::unavailable("no memory to share with a codec process");
    mapped_ = wanted;
    return shared_;
  }
  [[nodiscard]] std::uint64_t mapped() const noexcept { return mapped_; }

  /// False when it ended, or spoke, while nobody had asked it for anything.
  [[nodiscard]] bool is_ready() const noexcept {
    pollfd now{socket_.get(), POLLIN, 0};
    return poll(&now, 1, 0) == 0;
  }

  /// An Error when the process can't be used any more.
  Result<WireReply> ask(const WireRequest& request, std::chrono::seconds time) {
    if (send(socket_.get(), &request, sizeof(request), MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof(request))) {
      return died();
    }
    const auto until = std::chrono::steady_clock::now() + time;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd waiting{socket_.get(), POLLIN, 0};
      const int ready = left.count() <= 0 ? 0 : poll(&waiting, 1, static_cast<int>(left.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) {
        return Error::timeout("the frame can't be decoded within " + std::to_string(time.count()) + " seconds");
      }
      break;
    }
    WireReply reply{};
    if (recv(socket_.get(), &reply, sizeof(reply), 0) != static_cast<ssize_t>(sizeof(reply))) return died();
    return reply;
  }

  /// Memory of a large frame goes back to the machine.
  void forget_large() {
    if (mapped_ > kKeptBytes) {
      fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(mapped_));
    }
  }

 private:
  int reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  Error died() {
    kill(pid_, SIGKILL);  // it may have closed its socket and live on
    return Error::invalid("the frame can't be decoded: " + how_it_ended(reap()));
  }

  UniqueFd socket_;
  UniqueFd memory_;
  pid_t pid_ = -1;
  char* shared_ = nullptr;
  std::uint64_t mapped_ = 0;
};

SandboxedCodec::SandboxedCodec(SandboxSettings settings) : settings_(std::move(settings)), local_(settings_.limits) {}
SandboxedCodec::~SandboxedCodec() = default;

std::unique_ptr<SandboxedCodec::Process> SandboxedCodec::take() {
  std::unique_lock lock(mutex_);
  free_.wait(lock, [this] { return busy_ < settings_.processes; });
  ++busy_;
  if (idle_.empty()) return nullptr;
  auto process = std::move(idle_.back());
  idle_.pop_back();
  return process;
}

void SandboxedCodec::give_back(std::unique_ptr<Process> process) {
  {
    const std::scoped_lock lock(mutex_);
    --busy_;
    if (process != nullptr) idle_.push_back(std::move(process));
  }
  free_.notify_one();
}

Result<Frame> SandboxedCodec::convert(const FrameShape& from, std::string_view bytes, const CodecTarget& to) {
  if (!to.colours && is_harmless(from.transfer_syntax, to.transfer_syntax)) return local_.convert(from, bytes, to);
  GANTRY_TRY(check_shape(from, settings_.limits));
  if (!can_decode(from.transfer_syntax)) {
    return Error::unsupported("transfer syntax " + from.transfer_syntax + " has no decoder here");
  }

  auto process = take();
  // Whatever happens, the place is free again.
  struct Return {
    SandboxedCodec& codec;
    std::unique_ptr<Process>& process;
    ~Return() { codec.give_back(std::move(process)); }
  } const give{*this, process};
  if (process != nullptr && !process->is_ready()) process = nullptr;  // its end is no fault of this frame
  if (process == nullptr) {
    GANTRY_LET(process, Process::start(settings_.command));
    ++started_;
  }

  WireRequest request{};
  request.input_bytes = bytes.size();
  request.profile_bytes = to.profile.size();
  request.output_offset = whole_pages(bytes.size() + to.profile.size());
  GANTRY_LET(char* const shared, process->room(request.output_offset + sandbox::output_most(from)));
  request.memory_bytes = process->mapped();
  request.native_bytes_most = settings_.limits.native_bytes;
  request.seconds_most = static_cast<std::uint32_t>(settings_.frame_time.count());
  request.quality = to.quality;
  request.colours = to.colours ? static_cast<std::int32_t>(*to.colours) : sandbox::kNoColours;
  request.from = sandbox::to_wire(from);
  request.to.set(to.transfer_syntax);
  std::memcpy(shared, bytes.data(), bytes.size());
  if (!to.profile.empty()) std::memcpy(shared + bytes.size(), to.profile.data(), to.profile.size());

  ++frames_;
  const auto reply = process->ask(request, settings_.frame_time);
  if (!reply) {
    ++failed_;
    ++died_;
    process = nullptr;
    return reply.error();
  }
  if (reply->error_kind != sandbox::kNoError) {
    ++failed_;
    const bool known = reply->error_kind >= 0 && reply->error_kind <= static_cast<int>(ErrorKind::kInternal);
    return Error(known ? static_cast<ErrorKind>(reply->error_kind) : ErrorKind::kInternal, reply->detail.get());
  }
  Frame frame{sandbox::from_wire(reply->shape), {}};
  // A process that a codestream has taken over may say anything.
  if (reply->output_bytes > request.memory_bytes - request.output_offset ||
      (to.transfer_syntax == frame.shape.transfer_syntax && is_native(to.transfer_syntax) &&
       reply->output_bytes != frame.shape.native_bytes())) {
    ++failed_;
    ++died_;
    process = nullptr;
    return Error::invalid("the frame can't be decoded: its decoder gave nonsense");
  }
  frame.bytes.assign(shared + request.output_offset, static_cast<std::size_t>(reply->output_bytes));
  process->forget_large();
  return frame;
}

SandboxedCodec::Counters SandboxedCodec::counters() const { return {frames_, failed_, started_, died_}; }

}  // namespace gantry::pixels
