// SPDX-License-Identifier: Apache-2.0
#include "base/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace ecoflow {
namespace fs = std::filesystem;

namespace {

// Never destroyed: the thread that waits for signals outlives main.
struct Registry {
  std::mutex mutex;
  std::set<fs::path> temporaries;
  std::set<pid_t> children;
};
Registry& TheRegistry() {
  static auto* const registry = new Registry;
  return *registry;
}

std::atomic<int> stop_signal{0};
std::atomic<int> in_order{0};

bool AnyAlive(const std::set<pid_t>& groups) {
  for (const pid_t group : groups) {
    if (::kill(-group, 0) == 0) return true;
  }
  return false;
}

// Nothing is registered any more once this has the lock, and so nothing is left behind.
[[noreturn]] void EndBy(int signal) {
  Registry& registry = TheRegistry();
  registry.mutex.lock();
  for (const pid_t group : registry.children) ::kill(-group, SIGTERM);
  for (int wait = 0; AnyAlive(registry.children) && wait < 60; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  for (const pid_t group : registry.children) ::kill(-group, SIGKILL);
  for (const fs::path& path : registry.temporaries) {
    std::error_code ec;
    fs::remove_all(path, ec);
  }
  ::signal(signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);
}

void WaitForSignals(sigset_t set) {
  while (true) {
    int signal = 0;
    if (::sigwait(&set, &signal) != 0) continue;
    if (stop_signal.exchange(signal) != 0 || in_order == 0) EndBy(signal);
  }
}

}  // namespace

void HandleSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaddset(&set, signal);  // nohup, a shell's `&`
  }
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread(WaitForSignals, set).detach();
}

bool StopRequested() { return stop_signal != 0; }

StopsInOrder::StopsInOrder() { ++in_order; }
StopsInOrder::~StopsInOrder() {
  if (--in_order == 0) EndIfStopRequested();
}

void EndIfStopRequested() {
  if (const int signal = stop_signal; signal != 0) EndBy(signal);
}

bool CreateTemporary(const fs::path& path, const std::function<bool()>& create) {
  const std::lock_guard lock(TheRegistry().mutex);
  if (!create()) return false;
  TheRegistry().temporaries.insert(fs::absolute(path));
  return true;
}

void DropTemporary(const fs::path& path) {
  const std::lock_guard lock(TheRegistry().mutex);
  TheRegistry().temporaries.erase(fs::absolute(path));
}

pid_t StartChild(const std::function<pid_t()>& start) {
  const std::lock_guard lock(TheRegistry().mutex);
  const pid_t group = start();
  if (group > 0) TheRegistry().children.insert(group);
  return group;
}

void DropChild(pid_t group) {
  const std::lock_guard lock(TheRegistry().mutex);
  TheRegistry().children.erase(group);
}

}  // namespace ecoflow
