/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The one source of chance: xorshift64*, so that a seed means the same everywhere. */
#ifndef KTCP_SIM_RANDOM_HPP
#define KTCP_SIM_RANDOM_HPP

#include <cstdint>

namespace sim
{

class random {
    public:
	explicit random(uint64_t seed)
	{
		/* splitmix64: neighbouring seeds must not give neighbouring runs. */
		uint64_t z = seed + 0x9e3779b97f4a7c15;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
		state_ = (z ^ (z >> 31)) | 1;
	}

	uint64_t next()
	{
		state_ ^= state_ >> 12;
		state_ ^= state_ << 25;
		state_ ^= state_ >> 27;
		return state_ * 0x2545f4914f6cdd1d;
	}

	/* 0 … n-1; n is small, so the bias of the multiplication does not matter. */
	uint32_t below(uint32_t n)
	{
		return uint32_t(((next() >> 32) * n) >> 32);
	}

	/* least … most, both possible. */
	uint32_t between(uint32_t least, uint32_t most)
	{
		return least + below(most - least + 1);
	}

	/* True @n times in 65,536. */
	bool chance(uint32_t n)
	{
		return n && (next() >> 48) < n;
	}

	bool coin()
	{
		return next() >> 63;
	}

    private:
	uint64_t state_;
};

} // namespace sim

#endif
