// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The boundary's functions that may fail, so that a kernel with CONFIG_FUNCTION_ERROR_INJECTION
 * can make them (Documentation/fault-injection); elsewhere this is nothing. Those whose failing
 * says that something has happened (ktcp_sock_shutdown()) are not among them.
 */
#include <linux/error-injection.h>

ALLOW_ERROR_INJECTION(ktcp_kmalloc, NULL);
ALLOW_ERROR_INJECTION(ktcp_kmem_cache_create, NULL);
ALLOW_ERROR_INJECTION(ktcp_kmem_cache_alloc, NULL);
ALLOW_ERROR_INJECTION(ktcp_frame_alloc, NULL);
ALLOW_ERROR_INJECTION(ktcp_alloc_pages, NULL);
ALLOW_ERROR_INJECTION(ktcp_page_pool_create, NULL);
ALLOW_ERROR_INJECTION(ktcp_page_pool_get, NULL);
ALLOW_ERROR_INJECTION(ktcp_softirq_pages_create, NULL);
ALLOW_ERROR_INJECTION(ktcp_turns_get, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_alloc_workqueue, NULL);
ALLOW_ERROR_INJECTION(ktcp_kthread_run, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_proc_mkdir, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_proc_create, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_tcp_abort, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_create, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_bind, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_listen, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_accept, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_local, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_remote, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_recv, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_send, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_send_pages, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_softirq_recv, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_softirq_send, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_sock_hold_net, ERRNO);
