/* SPDX-License-Identifier: BSD-2-Clause */
/* What the warden orders its children to do: bytes in a pipe. The end of the pipe is an order to stop. */
#ifndef SEKISHO_ORDERS_H
#define SEKISHO_ORDERS_H

enum order {
	ORDER_STOP = 'T',
	ORDER_RELOAD = 'H', /* read configuration and consents again */
};

#endif
