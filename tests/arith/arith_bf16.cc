// SPDX-License-Identifier: Apache-2.0
// The arithmetic modules of bf16 (rtl/arith/bf16), Verilated, against the host's std::fma, + and a conversion by
// way of double. Numbers are drawn in classes, each of which aims at one thing that such adders get wrong.
// Exit status 1 when a result differs.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <verilated.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "Varith_bf16_1.h"
#include "Varith_bf16_5.h"
#include "base/bf16.h"

using ecoflow::RoundToBf16;

namespace {

constexpr uint32_t kSign = 0x80000000u, kInf = 0x7f800000u, kNan = 0x7fc00000u;
constexpr int kLatency = 8;                            // of arith_bf16.sv
using Random = std::mt19937_64;

float ToFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t Canonical(float value) { return std::isnan(value) ? kNan : std::bit_cast<uint32_t>(value); }

struct Vector {
  bool multiply = true, below = false, second = true;
  uint16_t a = 0, b = 0;     // operands
  uint32_t c = 0;            // what the product is added to
  uint32_t x = 0, y = 0;     // psums
};

uint32_t Fp32(uint32_t sign, int exponent, uint32_t fraction) {
  return sign << 31 | static_cast<uint32_t>(std::clamp(exponent, 0, 254)) << 23 | (fraction & 0x7fffff);
}

// The class decides where the addend lies against the product, and the second psum against the first.
constexpr std::array<const char*, 10> kClasses = {
    "any bits",         "near",          "cancellation", "subnormal addend", "subnormal result",
    "halfway",          "overflow",      "special",      "zeros",            "small integers"};

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  Vector operator()(std::size_t kind) {
    Vector v;
    const uint64_t bits = random_();
    v.a = static_cast<uint16_t>(bits);
    v.b = static_cast<uint16_t>(bits >> 16);
    v.below = (bits >> 32 & 1) != 0;
    v.multiply = (bits >> 33 & 15) != 0;
    v.second = (bits >> 37 & 15) != 0;
    v.c = static_cast<uint32_t>(random_());
    v.x = static_cast<uint32_t>(random_());
    v.y = static_cast<uint32_t>(random_());
    switch (kind) {
      case 1: Near(v, 28); break;
      case 2: Near(v, 1); Cancel(v); break;
      case 3:  // addend below 2^-126, product from far below to somewhat above
        Exponents(v, Between(-60, 12));
        v.c = Fp32(Bit(), 0, Fraction());
        v.x = Fp32(Bit(), 0, Fraction());
        v.y = Fp32(Bit(), Between(0, 3), Fraction());
        break;
      case 4:  // sums near 2^-126
        Exponents(v, Between(-8, 30));
        v.c = Fp32(Bit(), Between(0, 26), Fraction());
        v.x = Fp32(Bit(), Between(0, 26), Fraction());
        v.y = Fp32(!(v.x >> 31), static_cast<int>(v.x >> 23 & 255) + Between(-1, 1), Fraction());
        break;
      case 5: Halfway(v); break;
      case 6:
        Exponents(v, Between(240, 300));
        v.c = Fp32(Bit(), Between(250, 254), Fraction());
        v.x = Fp32(Bit(), Between(250, 254), Fraction());
        v.y = Fp32(Bit(), Between(250, 254), Fraction());
        break;
      case 7:
        v.a = static_cast<uint16_t>(Special() >> 16);
        if (Bit()) v.b = static_cast<uint16_t>(Special() >> 16);
        v.c = Special();
        v.x = Special();
        v.y = Bit() ? Special() : v.y;
        break;
      case 8:
        v.a = static_cast<uint16_t>(Bit() << 15);
        if (Bit()) v.b = static_cast<uint16_t>(Bit() << 15);
        if (Between(0, 3) != 0) v.c = Bit() << 31;
        v.x = Bit() << 31;
        if (Between(0, 3) != 0) v.y = Bit() << 31;
        break;
      case 9:
        v.a = Bf16(static_cast<float>(Between(-255, 255)));
        v.b = Bf16(static_cast<float>(Between(-255, 255)));
        for (uint32_t* word : {&v.c, &v.x, &v.y}) {
          *word = std::bit_cast<uint32_t>(static_cast<float>(Between(-(1 << 24), 1 << 24)));
        }
        break;
      default: break;
    }
    return v;
  }

 private:
  static uint16_t Bf16(float whole) { return static_cast<uint16_t>(std::bit_cast<uint32_t>(whole) >> 16); }
  uint32_t Bit() { return static_cast<uint32_t>(random_() & 1); }
  int Between(int low, int high) { return low + static_cast<int>(random_() % static_cast<uint64_t>(high - low + 1)); }
  // Random bits, runs of zeros and ones, few bits.
  uint32_t Fraction() {
    const uint32_t any = static_cast<uint32_t>(random_());
    switch (Between(0, 4)) {
      case 0: return any & static_cast<uint32_t>(random_());
      case 1: return 0x7fffffu >> Between(0, 23);
      case 2: return ~(0x7fffffu >> Between(0, 23));
      case 3: return 1u << Between(0, 22) | 1u << Between(0, 22);
      default: return any;
    }
  }
  // Operands whose exponents add up to that of a product with this fp32 exponent (127 is 1.0).
  void Exponents(Vector& v, int product) {
    const int sum = std::clamp(product + 127, 0, 508);
    const int low = std::max(0, sum - 254), high = std::min(254, sum);
    const int first = Between(low, high);
    v.a = static_cast<uint16_t>((v.a & 0x807f) | first << 7);
    v.b = static_cast<uint16_t>((v.b & 0x807f) | (sum - first) << 7);
  }
  void Near(Vector& v, int within) {
    const int exponent = Between(0, 254);
    Exponents(v, exponent);
    v.c = Fp32(Bit(), exponent + Between(-within, within), Fraction());
    v.x = Fp32(Bit(), exponent, Fraction());
    v.y = Fp32(Bit(), exponent + Between(-within, within), Fraction());
  }
  // The addend is the product itself, negated, with a few of its bits changed.
  void Cancel(Vector& v) {
    const float product = std::fma(ToFloat(uint32_t{v.a} << 16), ToFloat(uint32_t{v.b} << 16), 0.0f);
    v.c = std::bit_cast<uint32_t>(-product) ^ (Bit() << Between(0, 22));
    v.y = (v.x ^ kSign) + static_cast<uint32_t>(Between(-3, 3)) + (Bit() << Between(0, 22));
  }
  // A product (a psum) that is about half of the other's last bit.
  void Halfway(Vector& v) {
    const int exponent = Between(1, 254);
    v.c = Fp32(Bit(), exponent, Fraction());
    v.x = Fp32(Bit(), exponent, Fraction());
    Exponents(v, exponent - Between(22, 26));
    if (Bit()) v.a &= 0xff80;
    if (Bit()) v.b &= 0xff80;
    v.y = Fp32(Bit(), exponent - Between(22, 26), Bit() ? Fraction() : Between(0, 1));
  }
  uint32_t Special() {
    constexpr std::array<uint32_t, 12> kWords = {0, 1, 0x7fffff, 0x800000, 0x10000, 0x3f800000, 0x7f7fffff,
                                                 0x7f7f0000, kInf, kNan, 0x7f800001, 0x7fffffff};
    return kWords[static_cast<std::size_t>(Between(0, 11))] | Bit() << 31;
  }
  Random random_;
};

// What variant k says; Verilator has another type for one word.
uint32_t Word(const uint32_t& words, int) { return words; }
template <std::size_t kWords>
uint32_t Word(const VlWide<kWords>& words, int k) {
  return words[k];
}

template <typename Model, int kVariants>
class Bench {
 public:
  Bench() : model_(std::make_unique<Model>(&context_)) {}

  void Push(const Vector& v) {
    model_->mul_en_i = v.multiply;
    model_->below_en_i = v.below;
    model_->second_i = v.second;
    model_->a_i = v.a;
    model_->b_i = v.b;
    model_->c_i = v.c;
    model_->x_i = v.x;
    model_->y_i = v.y;
    model_->clk_i = 0;
    model_->eval();
    const bool gate = v.multiply && Gates(v.a, v.b);
    if (model_->gated_o != gate) Fail(v, "gating", model_->gated_o, gate);
    if (model_->bf16_o != Rounded(v.x)) Fail(v, "to bf16", model_->bf16_o, Rounded(v.x));
    if (pushed_ >= kLatency) {
      const Vector& then = before_[static_cast<std::size_t>(pushed_ % kLatency)];
      const uint32_t mac = Mac(then), sum = Sum(then);
      for (int k = 0; k < kVariants; ++k) {
        if (Word(model_->mac_o, k) != mac) Fail(then, fmt::format("MAC {}", k), Word(model_->mac_o, k), mac);
        if (Word(model_->add_o, k) != sum) Fail(then, fmt::format("adder {}", k), Word(model_->add_o, k), sum);
      }
    }
    before_[static_cast<std::size_t>(pushed_++ % kLatency)] = v;
    model_->clk_i = 1;
    model_->eval();
  }

  // Only the conversion of one number.
  void Round(uint32_t bits) {
    model_->x_i = bits;
    model_->eval();
    if (model_->bf16_o != Rounded(bits)) {
      Vector v;
      v.x = bits;
      Fail(v, "to bf16", model_->bf16_o, Rounded(bits));
    }
    if (RoundToBf16(ToFloat(bits)) != Rounded(bits)) {
      Vector v;
      v.x = bits;
      Fail(v, "to bf16, host library", RoundToBf16(ToFloat(bits)), Rounded(bits));
    }
  }
  int64_t failures() const { return failures_; }

 private:
  static bool Gates(uint16_t a, uint16_t b) {
    const float x = ToFloat(uint32_t{a} << 16), y = ToFloat(uint32_t{b} << 16);
    return (x == 0 && std::isfinite(y)) || (y == 0 && std::isfinite(x));
  }
  static uint32_t Mac(const Vector& v) {
    if (!v.multiply) return Canonical(ToFloat(v.c));  // the addend stays
    return Canonical(std::fma(ToFloat(uint32_t{v.a} << 16), ToFloat(uint32_t{v.b} << 16), ToFloat(v.c)));
  }
  static uint32_t Sum(const Vector& v) {
    return Canonical(v.second ? ToFloat(v.x) + ToFloat(v.y) : ToFloat(v.x));
  }
  // By way of the two neighbours and exact distances in double, not by the trick with 0x7fff.
  static uint16_t Rounded(uint32_t bits) {
    const float value = ToFloat(bits);
    if (std::isnan(value)) return 0x7fc0;
    const uint32_t toward_zero = bits & 0xffff0000u;
    if (std::isinf(value) || toward_zero == bits) return static_cast<uint16_t>(bits >> 16);
    const uint32_t away = toward_zero + 0x10000u;
    const double low = std::fabs(static_cast<double>(ToFloat(toward_zero)));
    // Beyond the largest number the next one counts as if exponents went on.
    const double high = (away & kInf) == kInf ? 0x1p128 : std::fabs(static_cast<double>(ToFloat(away)));
    const double size = std::fabs(static_cast<double>(value));
    const bool up = size - low > high - size || (size - low == high - size && (toward_zero >> 16 & 1) != 0);
    return static_cast<uint16_t>((up ? away : toward_zero) >> 16);
  }
  void Fail(const Vector& v, const std::string& what, uint32_t found, uint32_t expected) {
    if (++failures_ > 20) return;
    fmt::print("{}: {:08x}, expected {:08x}; product {} ({:04x} x {:04x}), {} {:08x}; psums {:08x} {}\n", what, found,
               expected, v.multiply, v.a, v.b, v.below ? "below" : "base", v.c, v.x,
               v.second ? fmt::format("{:08x}", v.y) : "alone");
  }

  VerilatedContext context_;
  std::unique_ptr<Model> model_;
  std::array<Vector, kLatency> before_{};
  int64_t pushed_ = 0, failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The arithmetic of bf16 against the host's");
  int64_t vectors = 1000000;
  uint64_t seed = 1;
  bool products = false, convert = false;
  app.add_option("--vectors", vectors, "vectors, shared by the classes")->capture_default_str();
  app.add_option("--seed", seed, "seed of the vectors")->capture_default_str();
  app.add_flag("--products", products, "every product of two bf16 as well, added to -0 (4.3 thousand million)");
  app.add_flag("--convert", convert, "every fp32 to bf16, host library too, as well (4.3 thousand million)");
  CLI11_PARSE(app, argc, argv);

  Bench<Varith_bf16_5, 5> bench;
  Bench<Varith_bf16_1, 1> one;
  const auto begin = std::chrono::steady_clock::now();
  const auto line = [&](const char* name, int64_t count, int64_t failed) {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    fmt::print("{:<18} {:>12} vectors {:>8} different {:>8.1f} s\n", name, count, failed, taken.count());
    std::fflush(stdout);
  };
  for (std::size_t kind = 0; kind < kClasses.size(); ++kind) {
    const int64_t before = bench.failures();
    const int64_t count = vectors / static_cast<int64_t>(kClasses.size());
    Draw draw(seed * kClasses.size() + kind);
    for (int64_t k = 0; k < count; ++k) bench.Push(draw(kind));
    for (int k = 0; k < kLatency; ++k) bench.Push({});
    line(kClasses[kind], count, bench.failures() - before);
  }
  if (products) {
    const int64_t before = one.failures();
    for (uint32_t pair = 0;; ++pair) {
      Vector v;
      v.a = static_cast<uint16_t>(pair >> 16);
      v.b = static_cast<uint16_t>(pair);
      v.c = kSign;
      one.Push(v);
      if (pair == std::numeric_limits<uint32_t>::max()) break;
    }
    for (int k = 0; k < kLatency; ++k) one.Push({});
    line("all products", int64_t{1} << 32, one.failures() - before);
  }
  if (convert) {
    const int64_t before = one.failures();
    for (uint32_t bits = 0;; ++bits) {
      one.Round(bits);
      if (bits == std::numeric_limits<uint32_t>::max()) break;
    }
    line("fp32 to bf16", int64_t{1} << 32, one.failures() - before);
  }
  return bench.failures() + one.failures() == 0 ? 0 : 1;
}
