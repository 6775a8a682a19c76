/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The module's allocations, each piece with a pattern in it until it is written to.
 * AddressSanitizer finds the use of freed memory. This finds the rest: leaks, memory freed while
 * the kernel still holds something in it, bytes never written.
 */
#ifndef KTCP_SIM_MEMORY_HPP
#define KTCP_SIM_MEMORY_HPP

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct kmem_cache {
	std::string name;
	size_t size;
	int id;
	int objects = 0;
	bool destroyed = false;
};

namespace sim
{

class kernel;

class memory {
    public:
	enum class source { kmalloc, cache, pages };

	explicit memory(kernel &k) : kernel_(k)
	{
	}
	~memory();

	void *allocate(size_t size, source from, kmem_cache *cache);
	void release(void *object, size_t size, source from, kmem_cache *cache);

	kmem_cache *create_cache(const char *name, size_t size);
	void destroy_cache(kmem_cache *cache);

	/* Fails if @data holds a whole word of an allocation's first contents. */
	void check_written(const void *data, size_t size, const char *user);
	void check_unloaded();

    private:
	struct block {
		size_t size;
		source from;
		kmem_cache *cache;
		int id;
		uint64_t pattern;
	};

	kernel &kernel_;
	std::map<uintptr_t, block> blocks_;
	std::vector<std::unique_ptr<kmem_cache>> caches_;
	int serial_ = 0;
};

} // namespace sim

#endif
