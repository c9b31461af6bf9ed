// Chromium without a window, told what to do over a pipe (Chrome DevTools Protocol).
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace dnscache::test {

/// One page in a browser of its own, with everything that it asked the network for and complained
/// of.
class Browser {
 public:
  using Json = nlohmann::json;

  static bool is_installed() { return !find_program("chromium").empty(); }

  /// Throws std::runtime_error when the browser does not answer.
  Browser() {
    int to_browser[2];
    int from_browser[2];
    if (::pipe2(to_browser, O_CLOEXEC) != 0 || ::pipe2(from_browser, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    to_ = to_browser[1];
    from_ = from_browser[0];
    // High numbers, so that making them the browser's 3 and 4 overwrites neither.
    for (int* fd : {&to_browser[0], &from_browser[1]}) {
      const int high = ::fcntl(*fd, F_DUPFD_CLOEXEC, 10);
      ::close(*fd);
      *fd = high;
    }
    process_.emplace(
        std::vector<std::string>{
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking",
            "--hide-scrollbars", "--user-data-dir=" + (profile_.path() / "profile").string()},
        std::map<std::string, std::string>{{"HOME", profile_.path().string()}},
        std::vector<int>{to_browser[0], from_browser[1]});
    ::close(to_browser[0]);
    ::close(from_browser[1]);
    const auto target = call("Target.createTarget", {{"url", "about:blank"}}).at("targetId");
    session_ = call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}})
                   .at("sessionId")
                   .get<std::string>();
    for (const auto* domain : {"Page", "Runtime", "Log", "Network"}) {
      call(std::string(domain) + ".enable");
    }
  }
  ~Browser() {
    ::close(to_);
    ::close(from_);
  }
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  /// As wide as that; a phone has 375.
  void set_width(int pixels, const std::string& color_scheme = "light") {
    call("Emulation.setDeviceMetricsOverride",
         {{"width", pixels}, {"height", 900}, {"deviceScaleFactor", 1}, {"mobile", pixels < 600}});
    call("Emulation.setEmulatedMedia",
         {{"features", {{{"name", "prefers-color-scheme"}, {"value", color_scheme}}}}});
  }

  /// Opens a file and waits until it is loaded.
  void open(const std::filesystem::path& file) {
    is_loaded_ = false;
    call("Page.navigate", {{"url", "file://" + file.string()}});
    while (!is_loaded_) handle(receive());
  }

  /// The value of a JavaScript expression.
  Json evaluate(const std::string& expression) {
    const auto reply =
        call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}});
    if (reply.contains("exceptionDetails")) {
      throw std::runtime_error(reply["exceptionDetails"].dump());
    }
    return reply.at("result").value("value", Json());
  }

  /// PNG of the whole page, in base64.
  std::string screenshot() {
    return call("Page.captureScreenshot", {{"captureBeyondViewport", true}}).at("data");
  }

  /// What the page asked the network for, itself not included.
  const std::vector<std::string>& requests() const { return requests_; }
  /// Errors and warnings on the console, and exceptions.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  Json call(const std::string& method, const Json& parameters = Json::object()) {
    Json message = {{"id", ++last_id_}, {"method", method}, {"params", parameters}};
    if (!session_.empty()) message["sessionId"] = session_;
    auto text = message.dump();
    text.push_back('\0');
    if (::write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("chromium is gone: " + process_->errors());
    }
    for (;;) {
      const auto reply = receive();
      if (reply.value("id", 0) != last_id_) {
        handle(reply);
        continue;
      }
      if (reply.contains("error")) throw std::runtime_error(method + ": " + reply["error"].dump());
      return reply.value("result", Json::object());
    }
  }

  void handle(const Json& event) {
    const auto method = event.value("method", "");
    if (method == "Page.loadEventFired") is_loaded_ = true;
    if (method == "Network.requestWillBeSent") {
      const std::string url = event["params"]["request"]["url"];
      if (!url.starts_with("file:") && !url.starts_with("data:")) requests_.push_back(url);
    }
    if (method == "Log.entryAdded" || method == "Runtime.exceptionThrown" ||
        method == "Runtime.consoleAPICalled") {
      complaints_.push_back(event["params"].dump());
    }
  }

  Json receive() {
    for (;;) {
      if (const auto end = received_.find('\0'); end != std::string::npos) {
        const auto message = Json::parse(received_.substr(0, end));
        received_.erase(0, end + 1);
        return message;
      }
      pollfd readable{from_, POLLIN, 0};
      char buffer[65536];
      if (::poll(&readable, 1, 60'000) <= 0) throw std::runtime_error("chromium does not answer");
      const auto size = ::read(from_, buffer, sizeof buffer);
      if (size <= 0) throw std::runtime_error("chromium is gone: " + process_->errors());
      received_.append(buffer, static_cast<std::size_t>(size));
    }
  }

  TempDir profile_;
  int to_ = -1;
  int from_ = -1;
  std::optional<Process> process_;
  int last_id_ = 0;
  bool is_loaded_ = false;
  std::string session_;
  std::string received_;
  std::vector<std::string> requests_;
  std::vector<std::string> complaints_;
};

}  // namespace dnscache::test
