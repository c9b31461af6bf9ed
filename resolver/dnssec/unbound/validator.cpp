#include "resolver/dnssec/validator.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <deque>
#include <list>
#include <optional>
#include <ranges>
#include <unordered_map>

#include "resolver/base/log.hpp"
#include "resolver/cache/entry.hpp"
#include "resolver/cache/hash.hpp"
#include "resolver/dnssec/bogus_reason.hpp"
#include "resolver/dnssec/negative_anchors.hpp"
#include "resolver/dnssec/unbound/context.hpp"
#include "resolver/dnssec/unbound/loopback.hpp"
#include "resolver/wire/build.hpp"
#include "resolver/wire/records.hpp"
#include "resolver/wire/strip.hpp"

namespace dnscache {
namespace {

using unbound::Context;

constexpr std::size_t max_failures_known = 256;
constexpr Duration shortest_life = 5s;  // of a context that may hold missing keys against zones
constexpr Duration longest_life = 60s;
constexpr unsigned max_unread = 128;  // questions to libunbound until its packets are read

enum Security { insecure = 0, bogus = 1, secure = 2 };  // as in unbound-event.h

/// What libunbound says about a question.
struct Finding {
  int rcode;  // of libunbound's own failure; 0: there is a packet
  ByteView packet;
  int security;
  std::string_view why_bogus;
};

/// Has libunbound do the work, one context at a time.
class UnboundValidator final : public Validator {
 public:
  UnboundValidator(asio::io_context& io, const Config& config, const unbound::Library& library,
                   FetchFunction fetch)
      : library_(library),
        base_(io),
        trust_anchors_(config.dnssec.trust_anchors),
        negative_anchors_(negative_anchors(config)),
        no_soa_ttl_(static_cast<std::uint32_t>(config.cache.negative.default_ttl.count())),
        fetch_(std::move(fetch)),
        key_(random_hash_key()),
        sources_(64, [this](const Question& question) {
          return hash_question(key_, question.name.bytes(), question.type, key_bits(question));
        }) {}

  // libunbound ends what is pending with its context, and tells so.
  ~UnboundValidator() override {
    is_closing_ = true;
    std::vector<std::shared_ptr<Context>> contexts;
    for (Lookup& lookup : lookups_) contexts.push_back(std::move(lookup.context));
    retired_.clear();
    context_.reset();
  }
  UnboundValidator(const UnboundValidator&) = delete;
  UnboundValidator& operator=(const UnboundValidator&) = delete;

  Result<void> open() {
    auto loopback =
        unbound::Loopback::open(base_, [this](const Question& question, OutcomeFunction done) {
          fetch(question, std::move(done));
        });
    if (!loopback) return loopback.error();
    loopback_ = std::move(*loopback);
    return renew();
  }

  bool covers(const Question& question) const override {
    if (question.checking_disabled) return false;
    return std::ranges::none_of(negative_anchors_,
                                [&](const Name& zone) { return question.name.is_within(zone); });
  }

  void ask(const Question& question, OutcomeFunction done) override {
    drop_idle_contexts();
    renew_tainted();
    Lookup& lookup = lookups_.emplace_back(
        Lookup{*this, context_, question, std::move(done), failure_count_, {}});
    lookup.place = std::prev(lookups_.end());
    ++sources_.try_emplace(plain(question)).first->second.users;
    ++context_->pending;
    if (!context_->resolve(question, &lookup, &UnboundValidator::on_result)) {
      finish(lookup, Finding{static_cast<int>(Rcode::server_failure), {}, insecure, {}});
    }
    // A packet that finds no room in the socket's buffer would be missed for half a minute.
    if (++asked_ % max_unread == 0) loopback_->serve_waiting();
  }

  void forget() override {
    if (auto renewed = renew(); !renewed) log_warning("{}", renewed.error().message);
  }

 private:
  /// A question that libunbound is at work on.
  struct Lookup {
    UnboundValidator& validator;
    std::shared_ptr<Context> context;
    Question question;
    OutcomeFunction done;
    std::uint64_t failures_before;
    std::list<Lookup>::iterator place;
  };
  /// A question that upstreams did not answer.
  struct Failure {
    Question question;
    Outcome outcome;
  };
  struct Source {
    unsigned users = 0;
    std::uint8_t number = Answer::unknown_source;
    bool may_lead_on = true;  // to another zone, by an alias
  };

  static Question plain(Question question) {
    question.dnssec_ok = question.checking_disabled = false;
    return question;
  }
  // libunbound takes for a whole minute what nobody answered for what does not exist.
  static bool is_missed_key(const Failure& failure) {
    const std::uint16_t type = failure.question.type;
    return failure.outcome.kind != Outcome::Kind::failed &&
           (type == rr_type::ds || type == rr_type::dnskey);
  }

  static bool has_alias(const Answer& answer) {
    const AnswerView view = answer.view();
    for (std::size_t i = 0; i < view.answer_count; ++i) {
      const std::uint16_t type = record_at(view, i).type;
      if (type == rr_type::cname || type == rr_type::dname) return true;
    }
    return false;
  }

  // Questions that are underway end with the context in which they began.
  Result<void> renew() {
    renewed_at_ = Clock::now();
    auto fresh =
        Context::open(library_, base_, trust_anchors_, negative_anchors_, loopback_->port());
    if (!fresh) return fresh.error();
    drop_idle_contexts();
    if (context_) retired_.push_back(std::move(context_));
    context_ = std::move(*fresh);
    return {};
  }
  // Zones whose keys are missed again and again don't cost the others theirs each time.
  void renew_tainted() {
    const Duration age = Clock::now() - renewed_at_;
    if (!context_->has_missed_keys() || age < life_) return;
    life_ = age < 2 * longest_life ? std::min<Duration>(2 * life_, longest_life) : shortest_life;
    forget();
  }
  void drop_idle_contexts() {
    std::erase_if(retired_, [](const auto& context) { return context->pending == 0; });
  }

  void fetch(const Question& question, OutcomeFunction done) {
    fetch_(question, [this, weak = std::weak_ptr(alive_), context = std::weak_ptr(context_),
                      question, done = std::move(done)](Outcome outcome) {
      if (weak.lock()) note(question, outcome, context.lock().get());
      done(std::move(outcome));
    });
  }

  void note(const Question& question, const Outcome& outcome, Context* context) {
    if (outcome.kind == Outcome::Kind::answered) {
      const auto found = sources_.find(plain(question));
      if (found == sources_.end()) return;
      found->second.number = outcome.answer.source;
      found->second.may_lead_on = has_alias(outcome.answer);
      return;
    }
    ++failure_count_;
    failures_.push_back({question, outcome});
    if (failures_.size() > max_failures_known) failures_.pop_front();
    // What a client asks for is no link of a chain, and its failure nothing that is remembered.
    const bool is_clients = sources_.contains(plain(question));
    if (context != nullptr && is_missed_key({question, outcome}) && !is_clients) {
      context->note_missed_key(question.name, outcome.kind);
    }
  }

  static void on_result(void* data, int rcode, void* packet, int size, int security,
                        char* why_bogus, int) {
    auto& lookup = *static_cast<Lookup*>(data);
    if (lookup.validator.is_closing_) return;
    const ByteView bytes(static_cast<const std::uint8_t*>(packet),
                         packet != nullptr ? static_cast<std::size_t>(size) : 0);
    lookup.validator.finish(lookup,
                            Finding{rcode, bytes, security, why_bogus != nullptr ? why_bogus : ""});
  }

  void finish(Lookup& lookup, const Finding& result) {
    auto outcome = outcome_of(lookup, result);
    const auto source = sources_.find(plain(lookup.question));
    outcome.answer.source = source->second.number;
    if (--source->second.users == 0) sources_.erase(source);
    --lookup.context->pending;
    // Not from within libunbound, where it must not be asked anything.
    asio::post(base_.io(), [done = std::move(lookup.done), outcome = std::move(outcome)]() mutable {
      done(std::move(outcome));
    });
    lookups_.erase(lookup.place);
  }

  // The failures since a question was asked, the latest first.
  std::vector<const Failure*> news_of(const Lookup& lookup) const {
    const auto count =
        std::min<std::uint64_t>(failure_count_ - lookup.failures_before, failures_.size());
    std::vector<const Failure*> news;
    for (std::size_t i = 1; i <= count; ++i) news.push_back(&failures_[failures_.size() - i]);
    return news;
  }

  Outcome outcome_of(const Lookup& lookup, const Finding& result) const {
    if (result.security == bogus) return outcome_of_bogus(lookup, result.why_bogus);
    return result.rcode == 0 ? read(lookup.question, result) : outcome_of_failure(lookup);
  }

  Outcome outcome_of_bogus(const Lookup& lookup, std::string_view why) const {
    Context& context = *lookup.context;
    for (const Failure* failure : news_of(lookup)) {
      if (is_missed_key(*failure) && !context.missed_key(&failure->question.name)) {
        context.note_missed_key(failure->question.name, failure->outcome.kind);
      }
    }
    // Whose key was missed, libunbound does not say: an alias may have led to another zone.
    const bool may_lead_on = sources_.at(plain(lookup.question)).may_lead_on;
    if (const auto how = context.missed_key(may_lead_on ? nullptr : &lookup.question.name)) {
      return failed(*how);
    }
    log_debug("{}", why);
    Outcome outcome = failed(Outcome::Kind::bogus);
    outcome.answer = failure(Rcode::server_failure, bogus_reason(why));
    return outcome;
  }

  Outcome outcome_of_failure(const Lookup& lookup) const {
    const auto news = news_of(lookup);
    for (const Failure* failure : news) {
      if (plain(failure->question) == plain(lookup.question)) return failure->outcome;
    }
    return failed(news.empty() ? Outcome::Kind::failed : news.front()->outcome.kind);
  }

  static Outcome failed(Outcome::Kind kind) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.answer = failure(Rcode::server_failure);
    return outcome;
  }

  Outcome read(const Question& question, const Finding& result) const {
    std::array<std::uint8_t, 512> sent;
    QueryOptions options;
    options.id = load16(result.packet.data());
    const std::size_t size = write_query(question, options, sent.data());
    Response response;
    const auto fault = read_response(result.packet, {sent.data(), size}, no_soa_ttl_, response);
    if (fault != ResponseFault::none || response.truncated) return failed(Outcome::Kind::failed);
    Outcome outcome;
    outcome.answer = std::move(response.answer);
    outcome.answer.authentic = result.security == secure;
    outcome.answer.extended_error = ExtendedError::none;
    outcome.kind = outcome.answer.is_failure() ? Outcome::Kind::failed : Outcome::Kind::answered;
    if (!question.dnssec_ok) strip_dnssec(question, outcome.answer);
    return outcome;
  }

  const unbound::Library& library_;
  unbound::EventBase base_;
  std::vector<std::string> trust_anchors_;
  std::vector<Name> negative_anchors_;
  std::uint32_t no_soa_ttl_;
  FetchFunction fetch_;
  HashKey key_;
  std::list<Lookup> lookups_;
  using QuestionHash = std::function<std::size_t(const Question&)>;
  std::unordered_map<Question, Source, QuestionHash> sources_;  // of what is being looked up
  std::deque<Failure> failures_;                                // the latest last
  std::uint64_t failure_count_ = 0;
  std::unique_ptr<unbound::Loopback> loopback_;
  std::vector<std::shared_ptr<Context>> retired_;
  std::shared_ptr<Context> context_;
  TimePoint renewed_at_{};  // or at least tried to
  Duration life_ = shortest_life;
  unsigned asked_ = 0;
  bool is_closing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

Result<std::shared_ptr<Validator>> make_validator(asio::io_context& io, const Config& config,
                                                  FetchFunction fetch) {
  if (config.dnssec.mode != DnssecMode::validate) return std::shared_ptr<Validator>();
  const auto library = unbound::load_library();
  if (!library) return library.error();
  auto validator = std::make_shared<UnboundValidator>(io, config, **library, std::move(fetch));
  if (auto opened = validator->open(); !opened) return opened.error();
  return std::shared_ptr<Validator>(std::move(validator));
}

std::string dnssec_support() {
  return "libunbound " + std::to_string(UNBOUND_VERSION_MAJOR) + '.' +
         std::to_string(UNBOUND_VERSION_MINOR) + '.' + std::to_string(UNBOUND_VERSION_MICRO);
}

}  // namespace dnscache
