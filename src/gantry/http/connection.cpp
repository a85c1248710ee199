#include "gantry/http/connection.hpp"

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

#include "gantry/http/query_string.hpp"
#include "gantry/http/sender.hpp"

namespace gantry::http {

namespace {

constexpr unsigned kRequestsPerTurn = 16;
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kLingerBytesPerTurn = 256 * 1024;
constexpr std::size_t kRequestIdMax = 64;

HeadLimits head_limits(const ServerLimits& limits) {
  return {limits.header_bytes, limits.header_count, limits.line_bytes, limits.url_bytes};
}

Method method_of(std::string_view text) {
  for (const Method method :
       {Method::kGet, Method::kHead, Method::kPost, Method::kPut, Method::kDelete, Method::kOptions}) {
    if (text == to_string(method)) return method;
  }
  return Method::kOther;
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kRequestIdMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

std::string allow_field(const std::vector<Method>& methods) {
  std::string text;
  for (const Method method : methods) {
    if (method == Method::kOptions) continue;
    text += to_string(method);
    text += ", ";
  }
  return text + "OPTIONS";
}

/// What a proxy says about its client is believed only of proxies that the operator named.
void drop_forwarded(Headers& headers) {
  for (const char* name : {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
                           "X-Forwarded-Prefix", "X-Real-IP"}) {
    if (headers.get(name)) headers.remove(name);
  }
}

}  // namespace

/// One request and its answer, as the log sees them.
struct Connection::Exchange {
  Clock::time_point began;
  Request request;
  TenantTurns::Place place;  ///< the tenant's, once it is known
  Method method = Method::kGet;
  int minor_version = 1;
  bool keep_alive = false;
  int status = 0;
  bool complete = false;
  std::uint64_t ticket = 0;
};

Connection::Connection(Core& core, UniqueFd socket, std::string address, bool counted)
    : core_(core),
      limits_(core.edge.settings.limits),
      address_(std::move(address)),
      counted_(counted),
      trusted_(core.edge.is_trusted(address_)),
      wire_(core.io.get_executor(), core.wheel, core.buffers, std::move(socket)),
      input_(core.buffers),
      scanner_(head_limits(limits_)) {}

Connection::~Connection() {
  if (waiting_) core_.end_waiting(*this);
  account();
  if (counted_) core_.edge.addresses.leave(address_);
  core_.connections.fetch_sub(1, std::memory_order_relaxed);
}

Connection::Traffic Connection::account() {
  const std::uint64_t in =
      wire_.bytes_in() - input_.unread().size();  // what was read ahead belongs to the next request
  const std::uint64_t out = wire_.bytes_out();
  const Traffic since{in - accounted_.in, out - accounted_.out};
  accounted_ = {in, out};
  core_.bytes_in.fetch_add(since.in, std::memory_order_relaxed);
  core_.bytes_out.fetch_add(since.out, std::memory_order_relaxed);
  return since;
}

void Connection::close_if_idle() {
  if (lingering_ || (waiting_ && input_.empty())) wire_.cut();
}

Task<void> Connection::run(std::unique_ptr<Connection> self) {
  Edge& edge = self->core_.edge;
  co_await self->serve();
  self.reset();
  edge.connection_closed();
}

Task<void> Connection::serve() {
  Read read = co_await secure();
  for (;;) {
    if (read == Read::kHead) read = co_await read_head();
    if (read == Read::kEnd) co_return;
    if (read == Read::kRefused) {
      co_await refuse();
      co_return;
    }
    const bool go_on = co_await exchange();
    if (!go_on) co_return;
    if (!input_.empty() && ++without_wait_ >= kRequestsPerTurn) {
      without_wait_ = 0;
      co_await wire_.yield();
    }
  }
}

Task<Connection::Read> Connection::read_head() {
  scanner_.reset();
  waiting_since_ = Clock::now();
  waiting_ = true;
  core_.begin_waiting(*this);
  // A new connection's header deadline runs from the start, so that silent ones don't pile up.
  Deadline deadline = waiting_since_ + (first_ ? limits_.header_deadline : limits_.idle_keep_alive);
  bool began = false;
  Read outcome = Read::kEnd;
  bool exhausted = !first_ && input_.empty();  // the last read took all there was: wait before asking again
  for (;;) {
    if (!input_.empty()) {
      if (!began && !first_) deadline = Clock::now() + limits_.header_deadline;
      began = true;
      const auto status = scanner_.scan(input_.text());
      if (status == HeadScanner::Status::kRefused) {
        refusal_ = scanner_.refusal();
        outcome = Read::kRefused;
        break;
      }
      if (status == HeadScanner::Status::kComplete) {
        auto parsed = parse_head(scanner_.head(input_.text()), head_limits(limits_));
        input_.consume(scanner_.consumed());
        if (auto* refused = std::get_if<Refusal>(&parsed)) {
          refusal_ = std::move(*refused);
          outcome = Read::kRefused;
        } else {
          head_ = std::get<RequestHead>(std::move(parsed));
          outcome = Read::kHead;
        }
        break;
      }
    } else if (core_.edge.stopping.load(std::memory_order_relaxed)) {
      break;
    }
    if (exhausted) {
      input_.release_if_empty();
      without_wait_ = 0;
      const Wire::Ready ready = co_await wire_.wait_readable(deadline);
      if (ready == Wire::Ready::kCut) break;
      if (ready == Wire::Ready::kLate) {
        if (began) {
          refusal_ = {408, "the request's header did not arrive in time"};
          outcome = Read::kRefused;
        }
        break;
      }
    }
    // A head that outgrows the small buffer moves to one that holds the largest allowed.
    auto room = input_.space(BufferPool::kSmall);
    if (room.empty()) room = input_.space(limits_.header_bytes + BufferPool::kLarge);
    std::size_t count = 0;
    const Wire::Io io = wire_.receive(room, count);
    if (io == Wire::Io::kGone) break;
    if (io == Wire::Io::kDone) input_.commit(count);
    exhausted = io == Wire::Io::kBlocked || count < room.size();
  }
  waiting_ = false;
  core_.end_waiting(*this);
  co_return outcome;
}

std::string Connection::request_id_of(const Headers& headers) {
  if (const auto given = headers.get("X-Request-Id"); given && is_request_id(*given)) return std::string(*given);
  return core_.next_request_id();
}

Task<void> Connection::refuse() {
  Exchange exchange;
  exchange.began = Clock::now();
  exchange.request.context.request_id = core_.next_request_id();
  exchange.request.context.deadline = exchange.began + limits_.write_stall;
  core_.requests.fetch_add(1, std::memory_order_relaxed);
  Response response = problem(refusal_.status, refusal_.detail);
  co_await send(exchange, std::move(response));
  co_await linger();
}

Task<bool> Connection::exchange() {
  Exchange exchange;
  exchange.began = Clock::now();
  first_ = false;
  core_.requests.fetch_add(1, std::memory_order_relaxed);

  RequestHead head = std::move(head_);
  Request& request = exchange.request;
  request.method = exchange.method = method_of(head.method);
  request.method_text = std::move(head.method);
  request.target = std::move(head.target);
  request.headers = std::move(head.headers);
  request.remote_address = address_;
  request.secure = wire_.channel() != nullptr;
  request.client_certificate = client_certificate_;
  request.context.request_id = request_id_of(request.headers);
  request.context.remote_address = address_;
  request.context.deadline = exchange.began + limits_.request_life;
  exchange.minor_version = head.minor_version;
  if (!trusted_) drop_forwarded(request.headers);

  ConnectionBody body(wire_, input_, limits_, head, request.context.deadline);
  request.body = &body;
  Response response = co_await respond_to(exchange, head);
  request.body = nullptr;

  // Whatever the handler made of a body that broke off: the client is told what it did wrong.
  if (body.failure() && response.status >= 400) {
    const ErrorKind kind = body.failure()->kind();
    const int status = kind == ErrorKind::kTimeout ? 408 : kind == ErrorKind::kTooLarge ? 413 : 400;
    if (response.status != status) response = problem(status, body.failure()->detail());
  }
  const bool drainable = body.worth_draining();
  exchange.keep_alive = head.keep_alive && drainable && !core_.edge.stopping.load(std::memory_order_relaxed);
  const bool sent = co_await send(exchange, std::move(response));
  if (!sent) co_return false;
  if (exchange.keep_alive && !body.finished()) exchange.keep_alive = co_await body.drain();
  if (!exchange.keep_alive) {
    // Closing while unread bytes wait would reset the connection and could take the answer with it.
    const bool unread = !body.finished() || !input_.empty();
    if (unread) co_await linger();
    co_return false;
  }
  co_return true;
}

Task<Response> Connection::respond_to(Exchange& exchange, const RequestHead& head) {
  Request& request = exchange.request;
  const Edge& edge = core_.edge;
  if (request.target == "*") {  // OPTIONS alone; see parse_head
    Response response;
    response.status = 204;
    response.headers.add("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    co_return response;
  }
  auto target = parse_target(request.target);
  if (!target) co_return problem(target.error());
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  if (CorsPolicy::is_preflight(request)) co_return edge.cors.preflight();

  auto match = edge.router.match(request.method, request.path);
  if (match.route == nullptr) {
    if (request.method == Method::kOptions && edge.hooks.describe) {
      if (auto description = edge.hooks.describe(request)) co_return *std::move(description);
    }
    if (match.allowed.empty()) co_return problem(404, "there is nothing at this path");
    if (request.method == Method::kOptions) {
      Response response;
      response.status = 204;
      response.headers.add("Allow", allow_field(match.allowed));
      co_return response;
    }
    Response response = problem(405, "this resource does not take " + request.method_text);
    response.headers.add("Allow", allow_field(match.allowed));
    co_return response;
  }
  if (head.content_length.value_or(0) > limits_.body_bytes) {
    co_return problem(413, "the request body is over the limit of " + std::to_string(limits_.body_bytes) + " bytes");
  }
  request.parameters = std::move(match.parameters);
  request.route = match.route;
  co_return co_await handle(*match.route, exchange);
}

Task<Response> Connection::handle(const Route& route, Exchange& exchange) {
  Request& request = exchange.request;
  // Handlers return errors; an exception is a broken promise or the end of memory. It costs this request, not the
  // others.
  std::string thrown;
  try {
    if (core_.edge.hooks.authorize) {
      auto refusal = co_await core_.edge.hooks.authorize(request, route.permission);
      if (refusal) co_return *std::move(refusal);
    }
    exchange.place = core_.tenant_turns.enter(request.context.tenant.view(), exchange.began);
    if (exchange.place.is_shared()) co_await exchange.place.next();
    co_return co_await route.handler(request);
  } catch (const std::exception& error) {
    thrown = error.what();
  }
  co_return problem(Error::internal("a handler threw: " + thrown));
}

Task<bool> Connection::send(Exchange& exchange, Response response) {
  announce(exchange, response);
  std::string detail = std::move(response.log_detail);
  for (;;) {
    AnswerContext context;
    context.method = exchange.method;
    context.minor_version = exchange.minor_version;
    context.request = &exchange.request.headers;
    context.keep_alive = exchange.keep_alive;
    context.request_id = exchange.request.context.request_id;
    context.server_name = core_.edge.settings.server_name;
    context.date = core_.date();
    context.cors = &core_.edge.cors;
    context.began = exchange.began;
    Answer answer = make_answer(std::move(response), context);
    exchange.status = answer.status;
    exchange.keep_alive = answer.keep_alive;

    Sender sender(wire_, core_.edge.disk, exchange.place, answer);
    const Sender::Step step = sender.step();
    Sender::Outcome outcome = Sender::Outcome::kComplete;
    if (step != Sender::Step::kDone) {
      outcome = co_await sender.run(step, limits_.write_stall, exchange.request.context.deadline);
    }
    if (outcome == Sender::Outcome::kNotBegun) {
      // A source that fails is never tried twice: the problem that takes its place is in memory.
      detail = sender.failure();
      response = problem(Error::internal(sender.failure()));
      continue;
    }
    exchange.complete = outcome == Sender::Outcome::kComplete;
    if (outcome == Sender::Outcome::kBroken) detail = sender.failure();
    if (outcome == Sender::Outcome::kGone) {
      if (!detail.empty()) detail += "; ";
      detail += "the client did not take the whole answer";
    }
    if (!exchange.complete) wire_.reset_on_close();
    log(exchange, detail);
    co_return exchange.complete;
  }
}

void Connection::announce(Exchange& exchange, Response& response) {
  const auto& hook = core_.edge.hooks.answering;
  if (!hook) return;
  auto ticket = hook(exchange.request, response);
  if (ticket) {
    exchange.ticket = *ticket;
  } else {
    response = problem(ticket.error());
  }
}

void Connection::log(const Exchange& exchange, const std::string& detail) {
  const Traffic traffic = account();
  const auto& hook = core_.edge.hooks.log;
  if (!hook) return;
  const Request& request = exchange.request;
  AccessRecord record;
  record.request_id = request.context.request_id;
  record.tenant = request.context.tenant.str();
  record.principal = request.context.principal;
  record.remote_address = address_;
  record.method = request.method_text;
  record.path = request.path;
  record.route = request.route;
  record.status = exchange.status;
  record.bytes_in = traffic.in;
  record.bytes_out = traffic.out;
  record.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - exchange.began);
  record.complete = exchange.complete;
  record.error_detail = detail;
  record.ticket = exchange.ticket;
  hook(record);
}

Task<void> Connection::linger() {
  wire_.finish_sending();
  lingering_ = true;
  const Deadline until = Clock::now() + std::min<std::chrono::milliseconds>(kLingerTime, limits_.write_stall);
  std::size_t turn_bytes = 0;
  while (Clock::now() < until && !core_.edge.stopping.load(std::memory_order_relaxed)) {
    input_.consume(input_.unread().size());
    std::size_t count = 0;
    const Wire::Io io = wire_.receive(input_.space(BufferPool::kSmall), count);
    if (io == Wire::Io::kGone) co_return;
    turn_bytes += count;
    if (io == Wire::Io::kBlocked) {
      const Wire::Ready ready = co_await wire_.wait_readable(until);
      if (ready != Wire::Ready::kYes) co_return;
      turn_bytes = 0;
    } else if (turn_bytes >= kLingerBytesPerTurn) {
      co_await wire_.yield();
      turn_bytes = 0;
    }
  }
}

}  // namespace gantry::http
