#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace gantry {

/// A void() callable that may hold move-only state (std::move_only_function arrives with C++23).
class UniqueTask {
 public:
  UniqueTask() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueTask> && std::is_invocable_v<std::remove_cvref_t<F>&>)
      UniqueTask(F&& function)  // NOLINT(google-explicit-constructor)
      : callable_(std::make_unique<Model<std::remove_cvref_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const noexcept { return callable_ != nullptr; }
  void operator()() { callable_->call(); }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual void call() = 0;
  };
  template <class F>
  struct Model final : Concept {
    explicit Model(F f) : function(std::move(f)) {}
    void call() override { function(); }
    F function;
  };
  std::unique_ptr<Concept> callable_;
};

}  // namespace gantry
